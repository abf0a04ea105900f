// What the whole page needs: the language, the section that is being read, and small helpers.
"use strict";

const byId = (id) => document.getElementById(id);
const json = (id) => JSON.parse(byId(id).textContent);
const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
document.documentElement.classList.add("scripted");

const chinese = () => byId("language-zh").checked;

/** A text of the explorer in the language that is shown, with values in its {places}. */
function told(key, values) {
  const text = json("words")[key][chinese() ? "zh" : "en"];
  return text.replace(/{(\w+)}/g, (_, name) => values[name]);
}

// Texts are switched by CSS; attributes, options and the title, of which there is one, by this.
const TRANSLATED = [["img", "alt"], [":is(option, title)", "textContent"], [":not(img, option, title)", "ariaLabel"]];
function translate() {
  document.documentElement.lang = chinese() ? "zh-Hans" : "en";
  for (const [kind, key] of TRANSLATED) {
    for (const element of document.querySelectorAll(`${kind}[data-zh]`)) {
      element.dataset.en ??= element[key];
      element[key] = chinese() ? element.dataset.zh : element.dataset.en;
    }
  }
  dispatchEvent(new Event("translated")); // the explorer writes texts of its own
}
document.querySelectorAll("[name=language]").forEach((box) => box.addEventListener("change", translate));
if (navigator.language.startsWith("zh")) byId("language-zh").checked = true;
translate();

// A link to what lies in a closed part opens it; print shows all parts.
function reveal() {
  const target = location.hash.length > 1 && byId(location.hash.slice(1));
  for (const part of target ? [target.closest("details"), ...target.querySelectorAll("details")] : []) {
    if (part && target.matches("details, div")) part.open = true;
  }
}
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((part) => {
    part.open = true;
    part.dataset.printed = "true";
  });
});
addEventListener("afterprint", () => {
  document.querySelectorAll("details[data-printed]").forEach((part) => {
    part.open = false;
    delete part.dataset.printed;
  });
});

// Mark the section that is being read in the navigation.
const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    links.forEach((a) => a.removeAttribute("aria-current"));
    links.get(entry.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "-30% 0px -65% 0px" });
document.querySelectorAll("main > section").forEach((section) => reading.observe(section));
