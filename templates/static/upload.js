// Files go one by one, two at a time, each answered with its own row; without this script the form sends them at once.
(function () {
  "use strict";
  var form = document.querySelector("form[data-upload]");
  var section = form && document.getElementById(form.dataset.upload);
  if (!form || !section || !window.fetch || !window.DataTransfer) { return; }
  var input = form.querySelector("input[type=file]");
  var body = section.querySelector("tbody");
  var count = section.querySelector("output");
  var most = 20 * 1024 * 1024;
  var waiting = [];
  var active = 0;
  var done = 0;
  var all = 0;
  form.classList.add("drop-ready");

  function rowOf(file) {
    var row = document.createElement("tr");
    var name = document.createElement("th");
    name.scope = "row";
    name.className = "break";
    name.textContent = file.name;
    var state = document.createElement("td");
    state.textContent = section.dataset.waiting;
    row.append(name, state, document.createElement("td"));
    body.append(row);
    return row;
  }

  function say() { count.textContent = done + " / " + all; }

  function fail(row, text) {
    row.children[1].textContent = "▲";
    row.children[2].textContent = text;
  }

  async function send(job) {
    job.row.children[1].textContent = section.dataset.sending;
    var data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("file", job.file, job.file.name);
    var answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-One-Row": "1" } });
    if (!answer.ok || answer.redirected) { throw new Error(answer.statusText); }
    var made = document.createElement("template");
    made.innerHTML = await answer.text();
    job.row.replaceWith(made.content);
  }

  function next() {
    while (active < 2 && waiting.length) {
      active += 1;
      (function (job) {
        send(job).catch(function () { fail(job.row, section.dataset.failed); }).then(function () {
          active -= 1;
          done += 1;
          say();
          next();
        });
      })(waiting.shift());
    }
  }

  function take(files) {
    section.hidden = false;
    Array.prototype.forEach.call(files, function (file) {
      var row = rowOf(file);
      all += 1;
      if (file.size > most) {
        fail(row, section.dataset.large);
        done += 1;
      } else {
        waiting.push({ file: file, row: row });
      }
    });
    say();
    next();
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (input.files.length) {
      take(input.files);
      form.reset();
    }
  }, true);

  ["dragenter", "dragover"].forEach(function (name) {
    form.addEventListener(name, function (event) {
      event.preventDefault();
      form.classList.add("over");
    });
  });
  ["dragleave", "drop"].forEach(function (name) {
    form.addEventListener(name, function () { form.classList.remove("over"); });
  });
  form.addEventListener("drop", function (event) {
    event.preventDefault();
    if (event.dataTransfer.files.length) { take(event.dataTransfer.files); }
  });
})();
