// The codes of every model in three dimensions.
"use strict";

/** A trace for each class of a model's codes, and two more for the mark of the current z. */
async function traces(state, k) {
  const { about, labels } = state;
  const codes = await state.codes(state.view, k);
  const shown = [...document.querySelectorAll("[name=shown]")].map((box) => box.checked);
  const points = about.class_colours.map((color, label) => {
    const index = [...labels.keys()].filter((i) => labels[i] === label);
    const [x, y, z] = [0, 1, 2].map((axis) => index.map((i) => codes[axis * about.n + i]));
    return {
      type: "scatter3d", mode: "markers", name: about.class_names[label] ?? "", x, y, z, customdata: index,
      visible: shown[label] ?? true, marker: { size: 2.2, color, opacity: 0.7, line: { width: 0 } },
      hovertemplate: `${about.classes ? `${about.class_names[label]}, ` : ""}#%{customdata}<br>(%{x:.2f}, %{y:.2f}, %{z:.2f})<extra></extra>`,
    };
  });
  const mark = { type: "scatter3d", name: "z", x: [], y: [], z: [], hoverinfo: "skip" };
  const color = styled("--ink");
  return [
    ...points,
    { ...mark, mode: "markers", marker: { size: 11, symbol: "circle-open", color, line: { width: 3 } } },
    { ...mark, mode: "lines", line: { width: 2, color } },
  ];
}

/** Mark a place in a model's plot by a ring, and by lines that stick out where points hide it. */
function mark(state, model, k, place) {
  const { ranges } = state.about.views[state.view].runs[k];
  const ring = [0, 1, 2].map((axis) => (place ? [place[axis]] : []));
  const lines = [0, 1, 2].map((axis) => (place ? ranges.flatMap((range, along) => (
    along === axis ? [...range, null] : [place[axis], place[axis], null]
  )) : []));
  const [x, y, z] = [0, 1, 2].map((axis) => [ring[axis], lines[axis]]);
  const n = state.about.class_colours.length;
  Plotly.restyle(model.place, { x, y, z }, [n, n + 1]);
}

function layout(state, k) {
  const view = state.about.views[state.view];
  const ink = styled("--ink");
  const line = styled("--line");
  const axis = (n) => ({
    range: view.runs[k].ranges[n - 1],
    // Fewer than three latents leave axes over, along which all codes are 0.
    title: { text: n <= view.dim || view.dim > 3 ? `${view.axis} ${n}` : "", font: { size: 11 } },
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

/** Every model's codes in a plot of its own. A clicked point shows its image in all of them. */
async function plots(state) {
  const source = new TextDecoder().decode(await unpack(byId("plotly").textContent));
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);

  const places = state.models.map((model) => model.place);
  const options = { displaylogo: false, responsive: true, modeBarButtons: [["resetCameraDefault3d"]] };
  for (const [k, place] of places.entries()) {
    await Plotly.newPlot(place, await traces(state, k), layout(state, k), options);
    place.on("plotly_click", ({ points: [point] }) => {
      if (point.customdata !== undefined) choose(state, point.customdata);
    });
    place.on("plotly_relayout", (change) => follow(places, place, change));
  }
  document.querySelectorAll("[name=shown]").forEach((box) => box.addEventListener("change", () => {
    places.forEach((place) => Plotly.restyle(place, { visible: box.checked }, [Number(box.value)]));
  }));
  byId("same-camera").addEventListener("change", () => {
    follow(places, places[0], { "scene.camera": places[0].layout.scene.camera });
  });
  const again = async () => {
    for (const [k, place] of places.entries()) {
      const { camera } = place.layout.scene;
      const next = layout(state, k);
      await Plotly.react(place, await traces(state, k), { ...next, scene: { ...next.scene, camera } }, options);
    }
    await render(state);
  };
  byId("view")?.addEventListener("change", async ({ target }) => {
    state.view = Number(target.value);
    await again();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
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
