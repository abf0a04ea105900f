// The visitor's own image: drawn, dropped or opened, then brought to the form of the data set.
"use strict";

/** Ink in [0, 1] of a canvas, row after row. */
function inkOf(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Float32Array.from({ length: data.length / 4 }, (_, i) => 1 - data[4 * i] / 255);
}

function blank(side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, side, side);
  return canvas;
}

/**
 * A drawing as MNIST has its digits: scaled so that its longer side is 20 of 28 pixels, and moved
 * so that its centre of mass is the centre (LeCun, Cortes and Burges, yann.lecun.com/exdb/mnist).
 */
function centred(pad, side) {
  const ink = inkOf(pad);
  const w = pad.width;
  let [left, right, top, bottom, mass, x, y] = [w, -1, w, -1, 0, 0, 0];
  ink.forEach((value, i) => {
    if (value < 0.05) return;
    const [column, row] = [i % w, Math.floor(i / w)];
    left = Math.min(left, column); right = Math.max(right, column);
    top = Math.min(top, row); bottom = Math.max(bottom, row);
    mass += value; x += value * (column + 0.5); y += value * (row + 0.5);
  });
  const small = blank(side);
  if (right < 0) return small;
  const scale = (side * 20 / 28) / Math.max(right - left + 1, bottom - top + 1);
  const context = small.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.setTransform(scale, 0, 0, scale, side / 2 - scale * x / mass, side / 2 - scale * y / mass);
  context.drawImage(pad, 0, 0);
  return small;
}

/** A picture as dark ink on white in the size of the data set's; one with a dark border is turned. */
async function opened(file, side) {
  const bitmap = await createImageBitmap(file);
  const small = blank(side);
  const context = small.getContext("2d");
  context.imageSmoothingQuality = "high";
  const scale = side / Math.max(bitmap.width, bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.filter = "grayscale(1)";
  const [left, top] = [Math.round((side - w) / 2), Math.round((side - h) / 2)];
  const [right, bottom] = [side - 1 - left, side - 1 - top];
  context.drawImage(bitmap, left, top, right - left + 1, bottom - top + 1);
  const ink = inkOf(small);
  const place = (i) => [i % side, Math.floor(i / side)];
  const inside = ([column, row]) => column >= left && column <= right && row >= top && row <= bottom;
  const border = ink.filter((_, i) => {
    const [column, row] = place(i);
    return inside([column, row]) && (column === left || column === right || row === top || row === bottom);
  });
  const dark = border.reduce((sum, value) => sum + value, 0) > border.length / 2;
  // The bars beside a picture that is not square stay paper.
  draw(small, dark ? ink.map((value, i) => (inside(place(i)) ? 1 - value : 0)) : ink, true);
  return small;
}

/** Let the visitor draw on the pad; `changed` gets the image as ink in [0, 1]. */
function drawing(pad, side, changed) {
  const context = pad.getContext("2d");
  const clear = () => { context.fillStyle = "white"; context.fillRect(0, 0, pad.width, pad.height); };
  Object.assign(context, { lineWidth: pad.width / 12, lineCap: "round", lineJoin: "round" });
  clear();
  let last = null;
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    const scale = pad.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    last = place(event);
    context.beginPath(); context.moveTo(...last); context.lineTo(...last); context.stroke();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    context.beginPath(); context.moveTo(...last); context.lineTo(...next); context.stroke();
    last = next;
  });
  pad.addEventListener("pointerup", () => {
    if (last) changed(inkOf(centred(pad, side)));
    last = null;
  });
  pad.addEventListener("pointercancel", () => { last = null; });
  byId("clear-pad").addEventListener("click", clear);

  const open = async (file) => {
    const small = await opened(file, side);
    clear();
    context.drawImage(small, 0, 0, pad.width, pad.height);
    changed(inkOf(small));
  };
  byId("open-image").addEventListener("change", (event) => {
    if (event.target.files[0]) open(event.target.files[0]);
  });
  pad.addEventListener("dragover", (event) => event.preventDefault());
  pad.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
}
