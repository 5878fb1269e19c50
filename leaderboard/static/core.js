/* What every page shares: state in the URL, both languages, light and dark, data scripts, text that stays text.
   Classic scripts only, because modules, fetch and workers fail from file://. Every page reads well without them.
   State: #sort=KEY&dir=desc&q=TEXT&lang=zh; a part without "=" is an anchor.
   Texts of a store are set as textContent, never as HTML: a model's answer stays an answer. */
var BENCH = (function () {
  "use strict";
  var root = document.documentElement;
  var me = { state: read(), root: document.currentScript.src.replace(/static\/core\.js.*$/, "") };
  var listeners = [], arrived = {}, asked = {};

  function read() {
    var found = {};
    location.hash.slice(1).split("&").forEach(function (part) {
      var at = part.indexOf("=");
      if (at < 1) { if (part) found["#"] = part; return; }
      try { found[part.slice(0, at)] = decodeURIComponent(part.slice(at + 1)); } catch (error) { /* a broken link */ }
    });
    return found;
  }

  me.address = function (state) { // "#a=…&b=…", keys sorted, so that one state has one address
    var parts = state["#"] ? [state["#"]] : [];
    Object.keys(state).sort().forEach(function (key) {
      if (key !== "#" && state[key]) parts.push(key + "=" + encodeURIComponent(state[key]));
    });
    return parts.length ? "#" + parts.join("&") : "";
  };

  me.write = function () { // replaces: a filter typed letter by letter is no history
    history.replaceState(null, "", me.address(me.state) || location.pathname + location.search);
  };

  me.on = function (what, action) { // "state": the address was changed by a link or by hand
    if (what === "state") listeners.push(action);
  };

  window.addEventListener("hashchange", function () {
    me.state = read();
    listeners.forEach(function (action) { action(me.state); });
  });

  me.each = function (selector, action, within) {
    Array.prototype.forEach.call((within || document).querySelectorAll(selector), action);
  };

  me.ready = function (action) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action);
    else action();
  };

  // -- data scripts -----------------------------------------------------------------------------------------

  me.put = function (id, payload) { arrived[id] = payload; };

  me.load = function (path, id) { // a promise of what data/….js put under this id; asked for once
    if (!asked[id]) {
      asked[id] = new Promise(function (resolve, reject) {
        var script = document.createElement("script");
        script.src = me.root + path;
        script.onload = function () {
          script.remove();
          if (id in arrived) resolve(arrived[id]); else reject(new Error(path + " has no " + id));
          delete arrived[id];
        };
        script.onerror = function () { script.remove(); delete asked[id]; reject(new Error(path + " can't be loaded")); };
        document.head.appendChild(script);
      });
    }
    return asked[id];
  };

  me.forget = function (id) { delete asked[id]; }; // a long read need not keep every shard

  // -- text that stays text ---------------------------------------------------------------------------------

  // the ones that words.visible shows too: controls, bidi marks and overrides, separators, signs without ink, half characters,
  // and of a pile of combining marks, which would be painted over the lines around it, all but the first eight
  var marks = "[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]";
  var unseen = new RegExp("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\ufffe\\uffff]|\\udb40[\\udc00-\\udc7f]" +
    "|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]|" + marks + "(?<=" + marks + "{9})" + marks + "*", "g");

  function append(node, text) {
    var start = 0;
    text.replace(unseen, function (sign, at) {
      node.appendChild(document.createTextNode(text.slice(start, at)));
      var code = document.createElement("span");
      code.className = "code";
      var point = sign.codePointAt(0).toString(16).toUpperCase(), many = sign.length > 1 && point.length < 5;
      code.textContent = "U+" + ("0000" + point).slice(-Math.max(4, point.length)) + (many ? " \u00d7" + sign.length : "");
      node.appendChild(code);
      start = at + sign.length;
      return sign;
    });
    node.appendChild(document.createTextNode(text.slice(start)));
  }

  me.visible = function (node, text, ranges) { // ranges [[start, end], …] in code points, in order, are marked
    node.textContent = "";
    text = String(text).replace(/\r\n/g, ranges && ranges.length ? "\r\n" : "\n");
    var units = ranges && ranges.length ? offsets(text, ranges) : [];
    var at = 0;
    units.forEach(function (range) {
      append(node, text.slice(at, range[0]));
      var mark = document.createElement("mark");
      append(mark, text.slice(range[0], range[1]));
      node.appendChild(mark);
      at = range[1];
    });
    append(node, text.slice(at));
    return node;
  };

  function offsets(text, ranges) { // code points -> UTF-16 units
    var wanted = {}, points = 0;
    ranges.forEach(function (range) { wanted[range[0]] = wanted[range[1]] = text.length; });
    for (var i = 0; i <= text.length; points++) {
      if (points in wanted) wanted[points] = i;
      i += i < text.length && text.codePointAt(i) > 0xffff ? 2 : 1;
    }
    return ranges.map(function (range) { return [wanted[range[0]], wanted[range[1]]]; });
  }

  me.clone = function (id) { return document.getElementById(id).content.firstElementChild.cloneNode(true); };

  me.fill = function (node, texts) { // textContent of every [data-slot=KEY] in node; null hides the slot
    Object.keys(texts).forEach(function (key) {
      me.each('[data-slot="' + key + '"]', function (slot) {
        if (texts[key] === null || texts[key] === undefined) slot.hidden = true;
        else me.visible(slot, texts[key]);
      }, node);
    });
    return node;
  };

  // -- language, light and dark ------------------------------------------------------------------------------

  function kept(key) { try { return localStorage.getItem(key); } catch (error) { return null; } }
  function keep(key, value) { try { localStorage.setItem(key, value); } catch (error) { /* a private window */ } }

  function speak(language, within) {
    root.lang = language;
    ["aria-label", "placeholder", "title"].forEach(function (name) {
      me.each("[data-" + name + "-" + language + "]", function (node) {
        node.setAttribute(name, node.getAttribute("data-" + name + "-" + language));
      }, within);
    });
  }

  me.speak = function (node) { speak(root.lang, node); }; // labels of what was cloned after the page had loaded

  function chosenLanguage() {
    var wanted = me.state.lang || kept("bench-language") || navigator.language || root.lang;
    return wanted.slice(0, 2).toLowerCase() === "zh" ? "zh" : "en";
  }

  function isDark() {
    var chosen = root.getAttribute("data-theme");
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  root.lang = chosenLanguage(); // both before the first paint
  if (kept("bench-theme")) root.setAttribute("data-theme", kept("bench-theme"));

  me.ready(function () {
    speak(root.lang);
    var language = document.getElementById("language"), theme = document.getElementById("theme");
    language.hidden = theme.hidden = false;
    language.addEventListener("click", function () {
      var other = root.lang === "zh" ? "en" : "zh";
      keep("bench-language", other);
      if (me.state.lang) { me.state.lang = other; me.write(); }
      speak(other);
    });
    theme.setAttribute("aria-pressed", String(isDark()));
    theme.addEventListener("click", function () {
      var wanted = isDark() ? "light" : "dark";
      keep("bench-theme", wanted);
      root.setAttribute("data-theme", wanted);
      theme.setAttribute("aria-pressed", String(wanted === "dark"));
    });
  });

  return me;
})();
