/* All answers of a run on one canvas, a square each: 12,342 are painted in a few milliseconds. Shape and colour both tell
   the outcome; what the filters leave out is faint. map.draw(run, shown, at): shown[i] is true where answer i fits. */
BENCH.map = function (canvas, picked, pointed) {
  "use strict";
  var SHAPES = { "·": [0.3, 0.3, 0.4, 0.4], "×": [0, 0, 1, 1], "?": "hollow", "…": [0, 0.5, 1, 0.5], "∅": "hollow", "!": [0.35, 0, 0.3, 1], "-": [0.3, 0.3, 0.4, 0.4] };
  var run = null, shown = null, at = -1, size = 10, across = 1, waiting = false;

  function colours() { // of the theme that is on: the sheet knows them
    var found = {}, probe = document.createElement("span");
    canvas.parentNode.appendChild(probe);
    Object.keys(SHAPES).concat(["ink", "rule"]).forEach(function (sign) {
      probe.className = "sq-" + (BENCH.answers.outcome(sign) || sign);
      found[sign] = getComputedStyle(probe).color;
    });
    probe.remove();
    return found;
  }

  function paint() {
    waiting = false;
    if (!run || !canvas.clientWidth) return;
    var n = run.marks.length, width = canvas.clientWidth, scale = window.devicePixelRatio || 1, paints = colours();
    size = n <= 600 ? 11 : n <= 2500 ? 8 : n <= 6000 ? 6 : n <= 9000 ? 5 : 4;
    across = Math.max(1, Math.floor(width / size));
    var height = Math.ceil(n / across) * size;
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    var pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    for (var i = 0; i < n; i++) square(pen, paints, i);
    if (at >= 0) {
      pen.globalAlpha = 1;
      pen.strokeStyle = paints.ink;
      pen.lineWidth = 2;
      pen.strokeRect(Math.max(1, at % across * size - 0.5), Math.max(1, Math.floor(at / across) * size - 0.5), size - 0.5, size - 0.5);
    }
  }

  function square(pen, paints, i) {
    var sign = run.marks.charAt(i), shape = SHAPES[sign], side = size - (size > 5 ? 1.5 : 0.75);
    var x = i % across * size + 0.25, y = Math.floor(i / across) * size + 0.25;
    pen.globalAlpha = !shown || shown[i] ? 1 : 0.2;
    pen.fillStyle = pen.strokeStyle = paints[sign] || paints.rule;
    if (shape === "hollow") { pen.lineWidth = 1; pen.strokeRect(x + 0.75, y + 0.75, side - 1.5, side - 1.5); }
    else if (shape) pen.fillRect(x + side * shape[0], y + side * shape[1], side * shape[2], side * shape[3]);
    else pen.fillRect(x + side * 0.42, y + side * 0.42, side * 0.16, side * 0.16);
  }

  function soon() { if (!waiting) { waiting = true; requestAnimationFrame(paint); } }

  function under(event) {
    var box = canvas.getBoundingClientRect(), x = Math.floor((event.clientX - box.left) / size);
    var i = Math.floor((event.clientY - box.top) / size) * across + x;
    return run && x >= 0 && x < across && i >= 0 && i < run.marks.length ? i : -1;
  }

  canvas.addEventListener("click", function (event) { var i = under(event); if (i >= 0 && run.marks.charAt(i) !== " ") picked(i); });
  canvas.addEventListener("mousemove", function (event) { pointed(under(event)); });
  canvas.addEventListener("mouseleave", function () { pointed(-1); });
  window.addEventListener("resize", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  new MutationObserver(soon).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  return {
    draw: function (itsRun, fits, current) { run = itsRun; shown = fits; at = current; soon(); },
    at: function (current) { at = current; soon(); }
  };
};
