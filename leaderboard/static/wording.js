/* The compare page's words: numbers as `bench compare` spells them, and its one sentence, in both languages at once.
   The page carries every template in <template id="said">; a value may itself be a text in both languages. */
BENCH.said = (function () {
  "use strict";
  var LANGUAGES = ["en", "zh"], NAMED = 3, UNREAD = 0.05;
  var texts = null;

  function template(key) {
    if (!texts) {
      texts = Object.create(null);
      BENCH.each("[data-key]", function (node) {
        texts[node.getAttribute("data-key")] = { en: node.getAttribute("data-en"), zh: node.getAttribute("data-zh") };
      }, document.getElementById("said").content);
    }
    return texts[key];
  }

  function say(key, values) { // -> {en, zh}
    var found = {}, texts = template(key);
    LANGUAGES.forEach(function (language) {
      found[language] = (texts || { en: key, zh: key })[language].replace(/\{(\w+)\}/g, function (slot, name) {
        return values && name in values ? of(values[name], language) : slot;
      });
    });
    return found;
  }

  function of(value, language) {
    return value !== null && typeof value === "object" ? value[language] : String(value);
  }

  function both(node, said) { // one span a language, as the build makes them; CSS shows the reader's
    node.textContent = "";
    if (typeof said === "string" || said.en === said.zh) return BENCH.visible(node, of(said, "en"));
    LANGUAGES.forEach(function (language) {
      var span = document.createElement("span");
      span.className = language === "zh" ? "z" : "e";
      span.lang = language;
      node.appendChild(BENCH.visible(span, said[language]));
    });
    return node;
  }

  function joined(parts, key) {
    var glue = template(key);
    return { en: parts.map(function (p) { return of(p, "en"); }).join(glue.en), zh: parts.map(function (p) { return of(p, "zh"); }).join(glue.zh) };
  }

  // -- numbers ----------------------------------------------------------------------------------------------------

  function fixed(x, digits) { // a tie goes to the even digit, as in Python
    var scaled = Math.abs(x) * Math.pow(10, digits);
    var tie = Number.isInteger(Math.abs(x) * Math.pow(2, digits + 1)) && scaled - Math.floor(scaled) === 0.5;
    if (!tie || Math.floor(scaled) % 2) return x.toFixed(digits);
    return (Math.sign(x) * Math.floor(scaled) / Math.pow(10, digits)).toFixed(digits);
  }

  function number(value, points, signed) {
    if (value === null || value === undefined || isNaN(value)) return "–";
    var size = Math.abs(value), digits = points || size === 0 || size >= 10 ? 1 : size >= 1 ? 2 : 3;
    var text = fixed(points ? 100 * value : value, digits);
    if (Number(text) === 0) return (signed && (value > 0 || Object.is(value, 0)) ? "+" : "") + text.replace("-", "");
    return (signed && value > 0 ? "+" : "") + text.replace("-", "−");
  }

  function whole(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }

  function pValue(p) {
    if (p === null || p === undefined) return "–";
    if (p < 0.0005) return "<.001";
    return p >= 0.9995 ? "1" : fixed(p, 3).replace(/^0/, "");
  }

  function unit(line) { return line.points || line.column.unit === "points" ? say("points") : line.column.metric; }

  // -- the sentence, as comparison.sentence makes it -----------------------------------------------------------------

  function moved(line) {
    var c = line.change;
    return say("moved", {
      what: number(c.change, line.points, true), unit: unit(line), task: line.short,
      low: number(c.low, line.points, true), high: number(c.high, line.points, true)
    });
  }

  function unread(line) {
    var shares = line.rates.map(function (rates) { return (rates.unparsed || 0) + (rates.truncated || 0) + (rates.empty || 0); });
    var by = shares[0] - shares[1], change = line.change.change;
    if (!line.points || by * change <= 0 || Math.abs(by) < Math.max(UNREAD, Math.abs(change) / 2)) return "";
    return say(by > 0 ? "unread_fell" : "unread_rose", { before: number(shares[0], true), after: number(shares[1], true) });
  }

  function first(named) {
    var told = joined(named.slice(0, NAMED), "and");
    return named.length > NAMED ? say("first_and", { first: told, n: named.length - NAMED }) : told;
  }

  function titles(lines) { return first(lines.map(function (line) { return line.short; })); }

  function several(lines) {
    return first(lines.map(function (line) {
      var by = number(line.change.change, line.points, true);
      return { en: of(line.short, "en") + " " + by, zh: of(line.short, "zh") + " " + by };
    }));
  }

  function needs(line) {
    if (line.more === 1) return say("needs_one");
    if (line.more !== null) return say("needs", { n: whole(line.more) });
    return say("unseen", { n: number(line.mde, line.points), unit: unit(line) });
  }

  function open(lines) {
    var told = lines.slice(0, NAMED).map(function (line) { return say("open", { task: line.short, needs: needs(line) }); });
    return lines.length > NAMED ? told.concat(say("more_open", { n: lines.length - NAMED })) : told;
  }

  function stopped(parts) { return say("stop", { parts: joined(parts, "semicolon") }); }

  function same(lines) { return lines.length ? [say("same", { tasks: titles(lines) })] : []; }

  function unsure(alike, undecided) {
    if (!undecided.length) {
      var reach = function (line) { return Math.max(Math.abs(line.change.low), Math.abs(line.change.high)); };
      var widest = alike.reduce(function (x, y) { return reach(y) > reach(x) ? y : x; });
      var others = alike.length > 2 ? say("all_others", { n: alike.length }) : alike.length === 2 ? say("one_other") : "";
      return say("all_same", { moved: moved(widest), others: others });
    }
    if (undecided.length + alike.length === 1) return say("unclear_one", { moved: moved(undecided[0]), needs: needs(undecided[0]) });
    return say("unclear", { parts: stopped(same(alike).concat(open(undecided))) });
  }

  function sentence(lines) {
    if (!lines.length) return say("nothing");
    var by = { worse: [], better: [], alike: [], "not separable": [] };
    lines.forEach(function (line) { by[line.verdict].push(line); });
    var size = function (line) { return Math.abs(line.change.change) / (line.mde || 1); };
    ["worse", "better"].forEach(function (v) { by[v].sort(function (x, y) { return size(y) - size(x); }); });
    var worst = by.worse[0], best = by.better[0];
    if (!worst && !best) return unsure(by.alike, by["not separable"]);
    var lead = worst && best ? say("mixed", { worst: moved(worst), best: moved(best) })
      : say(worst ? "worse" : "better", { moved: moved(worst || best) });
    var format = unread(worst || best);
    var parts = [{ en: lead.en + of(format, "en"), zh: lead.zh + of(format, "zh") }];
    if (by.worse.length > 1) parts.push(say("also_worse", { tasks: several(by.worse.slice(1)) }));
    if (by.better.length > 1) parts.push(say("also_better", { tasks: several(by.better.slice(1)) }));
    return stopped(parts.concat(same(by.alike), open(by["not separable"])));
  }

  return { say: say, both: both, of: of, number: number, whole: whole, p: pValue, fixed: fixed, sentence: sentence, joined: joined };
})();
