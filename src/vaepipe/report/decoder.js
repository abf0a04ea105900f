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

/** Probability of ink in each pixel, for z with the one-hot digit behind it if the model has one. */
function decode(layers, activation, input) {
  let values = input;
  layers.forEach((layer, place) => {
    values = linear(layer, values);
    if (place < layers.length - 1) values = values.map(ACTIVATIONS[activation]);
  });
  return values.map((logit) => 1 / (1 + Math.exp(-logit)));
}

/** Draw probabilities on a square canvas as dark ink on white paper. */
function draw(canvas, probabilities) {
  const image = new ImageData(canvas.width, canvas.height);
  probabilities.forEach((p, pixel) => {
    image.data.fill(255 - Math.round(255 * p), 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = 255;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
