// Pages work without this. It writes times in the reader's own zone, lets a click copy a hash,
// chooses at once what is chosen from a list, and puts the cursor into the search at "/".
"use strict";

const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.valueOf())) {
    time.title = time.textContent + " UTC";
    time.textContent = zoned.format(at);
  }
}

for (const code of document.querySelectorAll("code.copy")) {
  code.tabIndex = 0;
  code.setAttribute("role", "button");
  code.title = "Copy";
  const copy = async () => {
    if (!navigator.clipboard) return; // only secure pages have one
    await navigator.clipboard.writeText(code.textContent);
    code.classList.add("copied");
    setTimeout(() => code.classList.remove("copied"), 900);
  };
  code.addEventListener("click", copy);
  code.addEventListener("keydown", (event) => {
    if (event.key === "Enter") copy();
  });
}

for (const select of document.querySelectorAll("form.choose select")) {
  select.form.classList.add("at-once");
  select.addEventListener("change", () => select.form.requestSubmit());
}

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("form.search input");
  if (event.key !== "/" || !search || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  event.preventDefault();
  search.focus();
  search.select();
});

document.documentElement.classList.add("ready");
