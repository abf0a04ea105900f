// The decoders of the trained models: the same layers as in vaepipe/models/networks.py.
"use strict";

/** The bytes that `embed.packed` wrote: base64 of a zlib stream. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Quantised rows as numbers: integers times the scale of their row. */
async function dequantised(packed) {
  const steps = new Int16Array(await unpack(packed.steps));
  const scale = new Float32Array(await unpack(packed.scale));
  const columns = steps.length / scale.length;
  return Float32Array.from(steps, (step, i) => step * scale[Math.floor(i / columns)]);
}

/** A decoder's layers with their weights `[outputs, inputs]` row after row. */
async function layersOf(packed) {
  return Promise.all(packed.map(async (layer) => ({
    inputs: layer.inputs,
    outputs: layer.outputs,
    weight: await dequantised(layer),
    bias: new Float32Array(await unpack(layer.bias)),
  })));
}

const ACTIVATIONS = {
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  silu: (x) => x / (1 + Math.exp(-x)),
};

function linear(layer, x) {
  const y = Float64Array.from(layer.bias);
  for (let row = 0, at = 0; row < layer.outputs; row++) {
    for (let column = 0; column < layer.inputs; column++) y[row] += layer.weight[at++] * x[column];
  }
  return y;
}

/** The mean of each pixel, for z with the one-hot label behind it if the model has one. */
function decode(layers, activation, input) {
  let values = input;
  layers.forEach((layer, place) => {
    values = linear(layer, values);
    if (place < layers.length - 1) values = values.map(ACTIVATIONS[activation]);
  });
  return values.map((logit) => 1 / (1 + Math.exp(-logit)));
}

/** Draw means of pixels, channel after channel: ink as dark on white paper, others as they are. */
function draw(canvas, means, ink) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = canvas.width * canvas.height;
  const grey = means.length === pixels;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = Math.round(255 * means[grey ? pixel : channel * pixels + pixel]);
      image.data[4 * pixel + channel] = ink ? 255 - value : value;
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
