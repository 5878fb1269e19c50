/* A text field that finds one of many checkpoints: the combobox pattern of the ARIA guide, list and all from the keyboard.
   Typing narrows by any part of the name, arrows walk, Enter takes, Escape puts back what was there.
   Items are {slug, name, said: what stands below the name, in both languages}. */
BENCH.combobox = function (box, list, chosen) {
  "use strict";
  var SHOWN = 60, items = [], hits = [], at = -1, current = null;

  function label(item) { return item ? BENCH.visible(document.createElement("i"), item.name).textContent : ""; }

  function isCurrent(item) { return !!current && item.slug === current.slug; }

  function open(text) {
    var wanted = text.trim().toLowerCase();
    hits = (typeof items === "function" ? items() : items).filter(function (item) { return !wanted || (item.name + " " + item.slug).toLowerCase().indexOf(wanted) >= 0; });
    list.textContent = "";
    hits.slice(0, SHOWN).forEach(function (item, i) { list.appendChild(option(item, i)); });
    if (hits.length > SHOWN || !hits.length) {
      var more = document.createElement("li");
      more.className = "more";
      more.setAttribute("role", "option");
      more.setAttribute("aria-disabled", "true");
      BENCH.said.both(more, hits.length ? BENCH.said.say("cmp_more", { n: hits.length - SHOWN }) : BENCH.said.say("cmp_none"));
      list.appendChild(more);
    }
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    walk(wanted ? 0 : Math.max(0, hits.findIndex(isCurrent)));
  }

  function option(item, i) {
    var line = document.createElement("li"), small = document.createElement("small");
    line.id = list.id + "-" + i;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", String(isCurrent(item)));
    line.appendChild(BENCH.visible(document.createElement("bdi"), item.name));
    BENCH.said.both(small, item.said);
    line.appendChild(document.createTextNode(" "));
    line.appendChild(small);
    line.addEventListener("mousedown", function (event) { event.preventDefault(); take(item); });
    return line;
  }

  function walk(to) {
    var shown = Math.min(hits.length, SHOWN);
    at = shown ? (to + shown) % shown : -1;
    Array.prototype.forEach.call(list.children, function (line, i) { line.classList.toggle("at", i === at); });
    if (at < 0) return box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
    box.value = label(current);
  }

  function take(item) {
    var other = !isCurrent(item);
    current = item;
    close();
    if (other) chosen(item);
  }

  box.addEventListener("focus", function () { box.select(); });
  box.addEventListener("click", function () { if (list.hidden) open(""); });
  box.addEventListener("input", function () { open(box.value); });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", function (event) {
    var key = event.key;
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (list.hidden) open(""); else walk(at + (key === "ArrowDown" ? 1 : -1));
    } else if (key === "Enter" && !list.hidden && at >= 0) take(hits[at]);
    else if (key === "Escape" && !list.hidden) { close(); box.select(); }
    else if ((key === "Home" || key === "End") && !list.hidden) walk(key === "Home" ? 0 : -1);
    else return;
    event.preventDefault();
  });

  return {
    fill: function (all) { items = all; }, // a list, or what makes it whenever it is opened
    set: function (item) { current = item; if (list.hidden) box.value = label(item); }
  };
};
