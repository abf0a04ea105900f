// The 3-D plots and the controls of the decoders.
"use strict";

const byId = (id) => document.getElementById(id);
const json = (id) => JSON.parse(byId(id).textContent);
const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Sliders, canvases and the class for the CVAE; returns a function that sets z. */
async function decoders(about) {
  const models = await Promise.all(about.models.map(async (model) => ({
    ...model,
    layers: await layersOf(model.decoder),
    canvas: byId(`decoded-${model.name}`),
  })));
  const rows = [...document.querySelectorAll(".slider")].map((row) => ({
    range: row.querySelector("[type=range]"),
    number: row.querySelector("[type=number]"),
  }));
  const asked = () => Number(document.querySelector("[name=asked]:checked")?.value ?? 0);

  function render() {
    const z = rows.map((row) => Number(row.number.value));
    const chosen = asked();
    const label = about.classes.map((_, k) => (k === chosen ? about.label_scale : 0));
    for (const model of models) {
      const input = model.conditional ? [...z, ...label] : z;
      draw(model.canvas, decode(model.layers, about.activation, input), about.ink);
      const given = model.conditional ? `, ${about.noun} ${about.classes[chosen]}` : "";
      model.canvas.setAttribute("aria-label", `${model.title} decodes z = (${z.join(", ")})${given}`);
    }
  }

  function move(z) {
    rows.forEach(({ range, number }, k) => {
      const value = Math.round(z[k] * 1000) / 1000;
      // An AE's codes are not bounded by a prior: widen the sliders to reach z.
      const reach = Math.max(Number(range.max), Math.ceil(Math.abs(value)));
      range.min = -reach;
      range.max = reach;
      range.value = number.value = value;
    });
    render();
  }

  rows.forEach(({ range, number }) => {
    range.addEventListener("input", () => { number.value = range.value; render(); });
    number.addEventListener("input", () => {
      if (number.value !== "") move(rows.map((row) => Number(row.number.value)));
    });
  });
  document.querySelectorAll("[name=asked]").forEach((box) => box.addEventListener("change", render));
  byId("origin-z").addEventListener("click", () => move(rows.map(() => 0)));
  byId("draw-z").addEventListener("click", () => move(rows.map(normal)));
  render();
  return move;
}

/** A draw from N(0, 1) (Box and Muller 1958). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** A trace for each class of a model's codes. */
async function traces(model, about, labels) {
  const codes = await dequantised(model.codes);
  const n = labels.length;
  return about.colours.map((color, label) => {
    const index = [...labels.keys()].filter((i) => labels[i] === label);
    const [x, y, z] = [0, 1, 2].map((axis) => index.map((i) => codes[axis * n + i]));
    return {
      type: "scatter3d", mode: "markers", name: about.classes[label] ?? "", x, y, z,
      marker: { size: 1.9, color, opacity: 0.8, line: { width: 0 } },
      hovertemplate: `${about.classes.length ? `${about.noun} ${about.classes[label]}<br>` : ""}(%{x:.2f}, %{y:.2f}, %{z:.2f})<extra></extra>`,
    };
  });
}

function layout(about, model) {
  const ink = styled("--ink");
  const line = styled("--line");
  const axis = (k) => ({
    range: model.ranges[k - 1],
    title: { text: `${about.axis} ${k}`, font: { size: 11 } },
    color: ink, gridcolor: line, zerolinecolor: line, showbackground: false,
    tickfont: { size: 9 }, showspikes: false,
  });
  return {
    margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)", font: { color: ink },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: styled("--soft"), activecolor: ink },
    scene: { xaxis: axis(1), yaxis: axis(2), zaxis: axis(3), aspectmode: "cube",
      camera: { eye: { x: 1.5, y: 1.5, z: 0.9 } } },
  };
}

/** Every model's codes in a plot of its own; `move` gets the code of a clicked point. */
async function plots(about, move) {
  const source = new TextDecoder().decode(await unpack(byId("plotly").textContent));
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);

  const labels = new Uint16Array(await unpack(about.labels));
  const places = about.models.map((model) => byId(`codes-${model.name}`));
  const options = { displaylogo: false, responsive: true, modeBarButtons: [["resetCameraDefault3d"]] };
  for (const [k, model] of about.models.entries()) {
    await Plotly.newPlot(places[k], await traces(model, about, labels), layout(about, model), options);
    places[k].on("plotly_click", ({ points: [p] }) => move?.([p.x, p.y, p.z].slice(0, about.latent_dim)));
    places[k].on("plotly_relayout", (change) => follow(places, places[k], change));
  }
  document.querySelectorAll("[name=shown]").forEach((box) => box.addEventListener("change", () => {
    places.forEach((place) => Plotly.restyle(place, { visible: box.checked }, [Number(box.value)]));
  }));
  byId("same-camera").addEventListener("change", () => {
    follow(places, places[0], { "scene.camera": places[0].layout.scene.camera });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    places.forEach((place, k) => {
      const { scene, font, modebar } = layout(about, about.models[k]);
      Plotly.relayout(place, { font, modebar, scene: { ...scene, camera: place.layout.scene.camera } });
    });
  });
}

/** Give all plots the camera of one, if the box is checked. */
function follow(places, leader, change) {
  const camera = change["scene.camera"];
  if (!camera || !byId("same-camera").checked) return;
  for (const place of places) {
    const same = JSON.stringify(place.layout.scene.camera) === JSON.stringify(camera);
    if (place !== leader && !same) Plotly.relayout(place, { "scene.camera": camera });
  }
}

async function explore() {
  const about = json("explorer-data");
  const move = about.decodes ? await decoders(about) : null;
  await plots(about, move);
  byId("explorer").dataset.ready = "true";
}

// Plotly takes a second to start: wait until the reader is near.
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  explore().catch((error) => {
    byId("explorer-state").textContent = `This part needs a browser with WebGL and DecompressionStream (2023 or later): ${error.message}`;
  });
}, { rootMargin: "800px" }).observe(byId("explorer"));

// Mark the section that is being read in the navigation.
const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    links.forEach((a) => a.removeAttribute("aria-current"));
    links.get(entry.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "-30% 0px -65% 0px" });
document.querySelectorAll("main > section").forEach((section) => reading.observe(section));
