// The 3-D plots, the image that is shown in all of them, and the controls of z.
"use strict";

/** A draw from N(0, 1) (Box and Muller 1958). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** Codes `[3, n]` of every view and model, dequantised when they are first shown. */
function codesOf(about) {
  const kept = new Map();
  return async (view, k) => {
    const key = `${view} ${k}`;
    if (!kept.has(key)) kept.set(key, await dequantised(about.views[view].runs[k].codes));
    return kept.get(key);
  };
}

/** What is shown: the view, an image or none, and each model's z where the page decodes. */
async function start(about) {
  const models = await Promise.all(about.models.map(async (model) => ({
    ...model,
    decoder: await layersOf(model.decoder),
    encoder: await layersOf(model.encoder),
    canvas: byId(`decoded-${model.name}`),
    place: byId(`codes-${model.name}`),
    z: Array(about.latent_dim).fill(0),
  })));
  const state = { about, models, view: 0, image: null, codes: codesOf(about) };
  state.labels = new Uint16Array(await unpack(about.labels));
  state.images = new Uint8Array(await unpack(about.images));
  return state;
}

const asked = () => Number(document.querySelector("[name=asked]:checked")?.value ?? 0);
const moved = (state) => {
  const name = document.querySelector("[name=moved]:checked")?.value;
  return state.models.find((model) => model.name === name) ?? state.models[0];
};

/** Set the class that conditional models are given. */
function ask(label) {
  const box = document.querySelectorAll("[name=asked]")[label];
  if (box) box.checked = true;
}

/** Decode every model's z, and mark it in its plot. */
async function render(state) {
  const { about, models } = state;
  await Promise.all(models.map(async (model, k) => {
    if (about.decodes) {
      draw(model.canvas, decode(model, about, model.z, asked()), about.ink);
      const values = { model: model.title, z: model.z.map((v) => v.toFixed(2)).join(", ") };
      const given = model.conditional ? told("given", { name: about.class_names[asked()] }) : "";
      model.canvas.setAttribute("aria-label", told("decoded", values) + given);
    }
    if (model.place.data) mark(state, model, k, await current(state, model, k));
  }));
}

/** Where a model's mark stands: at z, or at the image's code where the page can't decode. */
async function current(state, model, k) {
  if (state.about.decodes && state.view === 0) return [...model.z, 0, 0].slice(0, 3);
  if (state.image === null) return null;
  const codes = await state.codes(state.view, k);
  return [0, 1, 2].map((axis) => codes[axis * state.about.n + state.image]);
}

/** Show sliders and numbers of the model that they move; the range holds the prior and its codes. */
function showSliders(state) {
  const model = moved(state);
  const { ranges } = state.about.views[0].runs[state.models.indexOf(model)];
  sliders().forEach(({ range, number }, k) => {
    const reach = Math.ceil(Math.max(4, ...ranges[k].map(Math.abs), Math.abs(model.z[k])));
    range.min = -reach;
    range.max = reach;
    range.value = number.value = Math.round(model.z[k] * 1000) / 1000;
  });
}

const sliders = () => [...document.querySelectorAll(".slider")].map((row) => ({
  range: row.querySelector("[type=range]"),
  number: row.querySelector("[type=number]"),
}));

/** Values in [0, 1] on the canvas of the image that the codes belong to; null for none. */
function showSource(state, values, text, label) {
  const source = byId("source");
  const { ink } = state.about;
  draw(source, values ?? new Float32Array(source.width * source.height).fill(ink ? 0 : 1), ink);
  source.setAttribute("aria-label", label);
  byId("image-class").textContent = text;
}

/** Show a test image: in all plots, decoded by every model from its own code, with its class. */
async function choose(state, image) {
  const { about, models, labels } = state;
  state.image = image;
  byId("image-number").value = image;
  const pixels = about.image.reduce((product, size) => product * size);
  const ink = Float32Array.from(state.images.subarray(image * pixels, (image + 1) * pixels), (v) => v / 255);
  const name = about.class_names[labels[image]] ?? "";
  const label = name ? told("source_image", { n: image, name }) : told("source_image_alone", { n: image });
  showSource(state, ink, name && told("of_class", { name }), label);
  if (about.decodes) {
    ask(labels[image]);
    await Promise.all(models.map(async (model, k) => {
      const codes = await state.codes(0, k);
      model.z = model.z.map((_, axis) => codes[axis * about.n + image]);
    }));
    showSliders(state);
  }
  await render(state);
}

/** Give every model a z of its own, by its place; no image belongs to them. */
function setZ(state, zOf) {
  state.image = null;
  showSource(state, null, "", "–");
  state.models.forEach((model, k) => { model.z = zOf(model, k); });
  showSliders(state);
  return render(state);
}

/** The class of most of the five test images whose codes are nearest to z. */
async function nearestClass(state, model, z) {
  const codes = await state.codes(0, state.models.indexOf(model));
  const { n, classes } = state.about;
  const distance = (i) => z.reduce((sum, value, axis) => sum + (codes[axis * n + i] - value) ** 2, 0);
  const distances = Float64Array.from({ length: n }, (_, i) => distance(i));
  const votes = Array(classes).fill(0);
  [...distances.keys()].sort((a, b) => distances[a] - distances[b]).slice(0, 5)
    .forEach((i) => { votes[state.labels[i]] += 1; });
  return votes.indexOf(Math.max(...votes));
}

/** The visitor's image through every model; its class is guessed where a model needs one. */
async function own(state, ink) {
  const { about, models } = state;
  const pixels = about.binarize ? ink.map((value) => Number(value > 0.5)) : ink;
  const plain = models.find((model) => !model.conditional);
  let text = "";
  if (plain && about.classes) {
    const label = await nearestClass(state, plain, encode(plain, about, pixels, 0));
    ask(label);
    text = told("taken_for", { name: about.class_names[label] });
  }
  const encodeAll = () => setZ(state, (model) => encode(model, about, pixels, asked()));
  await encodeAll();
  showSource(state, pixels, text, text);
  // Given another class, a conditional encoder sees the image as another one.
  state.again = async () => { await encodeAll(); showSource(state, pixels, "", ""); };
}

function controls(state) {
  const { about } = state;
  const step = (by) => () => choose(state, ((state.image ?? 0) + by + about.n) % about.n);
  byId("previous-image").addEventListener("click", step(-1));
  byId("next-image").addEventListener("click", step(1));
  byId("image-number").addEventListener("input", ({ target }) => {
    if (target.value !== "" && target.checkValidity()) choose(state, Number(target.value));
  });
  if (!about.decodes) return;
  const set = (k, text) => {
    const value = Number(text);
    if (text === "" || Number.isNaN(value)) return;
    moved(state).z[k] = value;
    sliders()[k].range.value = value;
    // The picture beside the sliders belongs to this z no more.
    state.again = state.image = null;
    showSource(state, null, "", "–");
    render(state);
  };
  sliders().forEach(({ range, number }, k) => {
    range.addEventListener("input", () => { number.value = range.value; set(k, range.value); });
    number.addEventListener("input", () => set(k, number.value));
    number.addEventListener("change", () => showSliders(state));
  });
  document.querySelectorAll("[name=moved]").forEach((box) => {
    box.addEventListener("change", () => showSliders(state));
  });
  document.querySelectorAll("[name=asked]").forEach((box) => {
    box.addEventListener("change", () => (state.again && state.image === null ? state.again() : render(state)));
  });
  const forget = (act) => () => { state.again = null; act(); };
  byId("origin-z").addEventListener("click", forget(() => setZ(state, (model) => model.z.map(() => 0))));
  byId("draw-z")?.addEventListener("click", forget(() => {
    const z = Array.from({ length: about.latent_dim }, normal);
    setZ(state, () => [...z]);
  }));
  if (about.encodes) drawing(byId("pad"), about.image[1], (ink) => own(state, ink));
}

async function explore() {
  const about = json("explorer-data");
  if (!about) return; // no model has codes
  const state = await start(about);
  controls(state);
  await choose(state, 0);
  await plots(state);
  await render(state);
  byId("explorer-state").textContent = "";
  addEventListener("translated", () => {
    if (state.image !== null) return choose(state, state.image);
    return state.again ? state.again() : render(state);
  });
  byId("explorer").dataset.ready = "true";
}

// Plotly takes a second to start: wait until the reader is near. Without codes there is no explorer.
const near = new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  explore().catch((error) => {
    byId("explorer-state").textContent = told("failed", { message: error.message });
  });
}, { rootMargin: "800px" });
if (byId("explorer")) near.observe(byId("explorer"));
