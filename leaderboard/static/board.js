/* Sorting, filtering, language, CSV, and their state in the URL; every page reads well without this file.
   A classic script, because modules and fetch fail from file://. Texts are moved as nodes or textContent, never as
   HTML: a model's answer stays an answer. State: #sort=KEY&dir=desc&q=TEXT&f=wrong&lang=zh (#s12 is an answer). */
(function () {
  "use strict";
  var root = document.documentElement;
  var state = read();

  function read() {
    var found = {};
    location.hash.slice(1).split("&").forEach(function (part) {
      var at = part.indexOf("=");
      if (at < 1) { if (part) found["#"] = part; return; }
      try { found[part.slice(0, at)] = decodeURIComponent(part.slice(at + 1)); } catch (error) { /* a broken link */ }
    });
    return found;
  }

  function write() {
    var parts = state["#"] ? [state["#"]] : [];
    Object.keys(state).sort().forEach(function (key) {
      if (key !== "#" && state[key]) parts.push(key + "=" + encodeURIComponent(state[key]));
    });
    history.replaceState(null, "", parts.length ? "#" + parts.join("&") : location.pathname + location.search);
  }

  function remembered() {
    try { return localStorage.getItem("bench-language"); } catch (error) { return null; }
  }

  function language() {
    var wanted = state.lang || remembered() || navigator.language || root.lang;
    return wanted.slice(0, 2).toLowerCase() === "zh" ? "zh" : "en";
  }

  root.lang = language(); // before the first paint

  function each(selector, action, within) {
    Array.prototype.forEach.call((within || document).querySelectorAll(selector), action);
  }

  function speak(lang) {
    root.lang = lang;
    ["aria-label", "placeholder"].forEach(function (name) {
      each("[data-" + name + "-" + lang + "]", function (node) {
        node.setAttribute(name, node.getAttribute("data-" + name + "-" + lang));
      });
    });
  }

  function switchLanguage() {
    var lang = root.lang === "zh" ? "en" : "zh";
    try { localStorage.setItem("bench-language", lang); } catch (error) { /* private window: the hash keeps it */ }
    state.lang = lang;
    speak(lang);
    write();
  }

  function bodyRows(table) {
    return Array.prototype.slice.call(table.tBodies[0].rows);
  }

  function valueOf(row, index, numeric) {
    var cell = row.cells[index];
    var text = cell ? cell.getAttribute("data-v") || "" : "";
    if (!numeric) return text.toLowerCase();
    return text === "" || isNaN(Number(text)) ? null : Number(text);
  }

  function sort(table, index, direction) {
    var head = table.tHead.rows[0].cells[index];
    var numeric = head.getAttribute("data-type") === "number";
    var sign = direction === "descending" ? -1 : 1;
    var places = bodyRows(table).filter(function (row) {
      row.hidden = row.hidden || row.className === "apart"; // the line above the unranked means nothing in another order
      return true;
    }).map(function (row, i) { return { row: row, i: i, v: valueOf(row, index, numeric) }; });
    places.sort(function (a, b) {
      if (a.v === b.v) return a.i - b.i;
      if (a.v === null) return 1; // what is missing stays last both ways
      if (b.v === null) return -1;
      if (!numeric) return sign * a.v.localeCompare(b.v, root.lang) || a.i - b.i;
      return sign * (a.v < b.v ? -1 : 1);
    });
    places.forEach(function (place) { table.tBodies[0].appendChild(place.row); });
    each("th[aria-sort]", function (th) { th.removeAttribute("aria-sort"); }, table.tHead);
    head.setAttribute("aria-sort", direction);
  }

  function makeSortable(table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, index) {
      var key = head.getAttribute("data-key");
      if (!key) return;
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      var arrow = document.createElement("span");
      arrow.className = "arrow";
      (button.querySelector("b") || button).appendChild(arrow);
      head.appendChild(button);
      button.addEventListener("click", function () {
        var first = head.getAttribute("data-type") === "number" ? "descending" : "ascending";
        var other = first === "descending" ? "ascending" : "descending";
        var direction = head.getAttribute("aria-sort") === first ? other : first;
        sort(table, index, direction);
        if (table.id === "board") {
          state.sort = key;
          state.dir = direction === "ascending" ? "asc" : "desc";
          write();
        }
      });
      if (table.id === "board" && state.sort === key) sort(table, index, state.dir === "asc" ? "ascending" : "descending");
    });
  }

  function filter(table, text) {
    var wanted = text.trim().toLowerCase();
    var shown = 0;
    bodyRows(table).forEach(function (row) {
      row.hidden = wanted !== "" && row.cells[0].getAttribute("data-v").toLowerCase().indexOf(wanted) < 0;
      if (!row.hidden) shown += 1;
    });
    var status = document.getElementById("shown");
    status.textContent = wanted === "" ? "" : shown + " / " + bodyRows(table).length;
  }

  function csvCell(text) {
    // a name that begins like a formula must not run in a spreadsheet
    if (/^[=+\-@\t\r]/.test(text) && isNaN(Number(text))) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  function csv(table) {
    var rows = [table.tHead.rows[0]].concat(bodyRows(table).filter(function (row) { return !row.hidden; }));
    var lines = rows.map(function (row) {
      return Array.prototype.map.call(row.cells, function (cell) {
        var exact = cell.parentNode.parentNode.tagName === "TBODY" ? cell.getAttribute("data-v") : null;
        return csvCell(exact === null ? cell.innerText.replace(/\s+/g, " ").trim() : exact);
      }).join(",");
    });
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  }

  function download(name, text) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  function setUpBoard(table) {
    var input = document.getElementById("filter");
    input.parentNode.hidden = false;
    input.value = state.q || "";
    filter(table, input.value);
    input.addEventListener("input", function () { state.q = input.value; filter(table, input.value); write(); });
    document.getElementById("csv").addEventListener("click", function () { download("board.csv", csv(table)); });
  }

  function setUpSamples(tools) {
    function show() {
      each("article.sample", function (a) { a.hidden = Boolean(state.f) && a.getAttribute("data-o") !== state.f; });
      each("button", function (b) { b.setAttribute("aria-pressed", String(b.getAttribute("data-f") === state.f)); }, tools);
      each(".pager a", function (a) { // the filter goes along to the next page
        a.href = a.getAttribute("href").split("#")[0] + (state.f ? "#f=" + state.f : "");
      });
    }
    each(".nojs", function (node) { node.hidden = true; }, tools);
    each("button", function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        var wanted = button.getAttribute("data-f");
        state.f = state.f === wanted ? "" : wanted;
        delete state["#"];
        write();
        show();
      });
    }, tools);
    window.addEventListener("hashchange", function () { // a jump to an answer that the filter had hidden
      state = read();
      show();
      var target = document.getElementById(state["#"] || "");
      if (target) target.scrollIntoView();
    });
    show();
  }

  document.addEventListener("DOMContentLoaded", function () {
    speak(root.lang);
    var button = document.getElementById("language");
    button.hidden = false;
    button.addEventListener("click", switchLanguage);
    each("table.sortable", makeSortable);
    var board = document.getElementById("board");
    if (board) setUpBoard(board);
    var outcomes = document.getElementById("outcomes");
    if (outcomes) setUpSamples(outcomes);
  });
})();
