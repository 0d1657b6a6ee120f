// Small comforts; every page does its job without them.
(function () {
  "use strict";

  document.documentElement.classList.add("js");

  // On a narrow screen the open tab is brought into view.
  document.addEventListener("DOMContentLoaded", function () {
    var tab = document.querySelector(".tabs a[aria-current]");
    if (tab) { tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2; }
  });

  // Countries by their names in the page's language; where a browser knows none, their codes stand.
  document.addEventListener("DOMContentLoaded", function () {
    if (!window.Intl || !Intl.DisplayNames) { return; }
    var names = new Intl.DisplayNames([document.documentElement.lang], { type: "region" });
    document.querySelectorAll("[data-country]").forEach(function (place) {
      if (/^[A-Z]{2}$/.test(place.dataset.country)) { place.textContent = names.of(place.dataset.country); }
    });
  });

  function copied(button) {
    var before = button.textContent;
    button.textContent = button.dataset.done;
    button.setAttribute("data-copied", "");
    setTimeout(function () {
      button.textContent = before;
      button.removeAttribute("data-copied");
    }, 1600);
  }

  function copyBySelection(text) {
    var area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "visually-hidden";
    document.body.appendChild(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest(".copy");
    if (button) {
      var text = button.dataset.copy;
      if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(text).then(function () { copied(button); }, function () {
          copyBySelection(text);
          copied(button);
        });
      } else {
        copyBySelection(text);
        copied(button);
      }
      return;
    }
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (!menu.contains(event.target)) { menu.open = false; }
    });
  });

  document.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      var fields = Array.prototype.slice.call(document.querySelectorAll("[data-seek]"));
      var field = fields.find(function (one) { return one.offsetParent !== null; });
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    }
  });

  // A refused or lost request of htmx is sent once more as a plain form: its answer, or the browser's own page, says why.
  ["htmx:responseError", "htmx:sendError"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      var form = event.detail.elt;
      if (form instanceof HTMLFormElement) { form.submit(); }
    });
  });

  // Rows that come one by one take the place of the old ones; the last line brings the whole section in its order.
  function taken(line, section) {
    var made = document.createElement("template");
    made.innerHTML = line.html;
    var fresh = made.content.firstElementChild;
    if (!line.row) { section.replaceWith(fresh); return true; }
    var old = document.getElementById(line.row);
    if (old) {
      fresh.setAttribute("data-fresh", "");
      old.replaceWith(fresh);
    }
    section.querySelector(".busy output").textContent =
      section.querySelectorAll("tr[data-fresh]").length + " / " + section.querySelectorAll("tbody tr").length;
    return false;
  }

  async function stream(form, section) {
    var answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), headers: { Accept: "application/x-ndjson" }
    });
    if (!answer.ok || answer.redirected) { throw new Error(answer.statusText); }
    var reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    var rest = "";
    var whole = false;
    for (var piece = await reader.read(); !piece.done; piece = await reader.read()) {
      var lines = (rest + piece.value).split("\n");
      rest = lines.pop();
      lines.forEach(function (line) { whole = taken(JSON.parse(line), section) || whole; });
    }
    if (!whole) { throw new Error("the answer ended early"); }
  }

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.dataset.stream) { return; }
    event.preventDefault();
    var section = document.getElementById(form.dataset.stream);
    if (section.classList.contains("streaming")) { return; }
    section.classList.add("streaming");
    stream(form, section).catch(function () { form.submit(); });
  });

  // A second click on a submit button sends nothing; the server would answer it without harm all the same.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post") || form.dataset.stream) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });
})();
