// Small comforts; every page does its job without them.
(function () {
  "use strict";

  document.documentElement.classList.add("js");

  // On a narrow screen the open tab is brought into view.
  document.addEventListener("DOMContentLoaded", function () {
    var tab = document.querySelector(".tabs a[aria-current]");
    if (tab) { tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2; }
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

  // A second click on a submit button sends nothing; the server would answer it without harm all the same.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });
})();
