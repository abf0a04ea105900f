// The encoders and decoders of the trained models: the same layers as in vaepipe/models/layers.py.
"use strict";

/** The bytes that `embed.packed` wrote: base64 of a zlib stream. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Quantised rows as numbers: integers, low bytes before high bytes, times the scale of their row. */
async function dequantised(packed) {
  const bytes = new Uint8Array(await unpack(packed.steps));
  const scale = new Float32Array(await unpack(packed.scale));
  const n = bytes.length / 2;
  const columns = n / scale.length;
  return Float32Array.from({ length: n }, (_, i) => (
    (bytes[i] + 256 * bytes[n + i] - packed.zero) * scale[Math.floor(i / columns)]
  ));
}

/** A network's layers with their weights `[outputs, inputs]` row after row; null if there is none. */
async function layersOf(packed) {
  return packed && Promise.all(packed.map(async (layer) => ({
    inputs: layer.inputs,
    outputs: layer.outputs,
    weight: await dequantised(layer),
    bias: new Float32Array(await unpack(layer.bias)),
    residual: layer.residual,
  })));
}

const ACTIVATIONS = {
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  leaky_relu: (x) => (x > 0 ? x : 0.2 * x),
};

function linear(layer, x) {
  const y = Float64Array.from(layer.bias);
  for (let row = 0, at = 0; row < layer.outputs; row++) {
    for (let column = 0; column < layer.inputs; column++) y[row] += layer.weight[at++] * x[column];
  }
  return y;
}

/** The network's output; an activation stands between its layers, none after the last. What a
    residual layer gives is added to what it was given. */
function forward(layers, activation, input) {
  let values = input;
  layers.forEach((layer, place) => {
    let outputs = linear(layer, values);
    if (place < layers.length - 1) outputs = outputs.map(ACTIVATIONS[activation]);
    if (layer.residual) outputs = outputs.map((output, unit) => output + values[unit]);
    values = outputs;
  });
  return values;
}

/** Values with the one-hot class behind them, if the model is given it. */
function withLabel(model, about, values, label) {
  if (!model.conditional) return values;
  return [...values, ...Array.from({ length: about.classes },
    (_, k) => (k === label ? about.label_scale : 0))];
}

/** The mean of each pixel for a code. */
function decode(model, about, z, label) {
  const logits = forward(model.decoder, about.activation, withLabel(model, about, z, label));
  return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
}

/** The code of an image, or its posterior mean: the first of the encoder's outputs. */
function encode(model, about, pixels, label) {
  const outputs = forward(model.encoder, about.activation, withLabel(model, about, pixels, label));
  return [...outputs.slice(0, about.latent_dim)];
}

/** Draw values in [0, 1], channel after channel: ink as dark on white paper, others as they are. */
function draw(canvas, values, ink) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = canvas.width * canvas.height;
  const grey = values.length === pixels;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = Math.round(255 * values[grey ? pixel : channel * pixels + pixel]);
      image.data[4 * pixel + channel] = ink ? 255 - value : value;
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
