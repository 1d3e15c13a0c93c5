/* The switch between the system's colours, light and dark; the choice is kept where it can be. */
(function (nocturne) {
  "use strict";

  const CHOICES = ["auto", "light", "dark"];
  const KEY = "nocturne-theme";

  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a page without storage still switches
    }
  }

  function store(choice) {
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      /* as above */
    }
  }

  function apply(choice, button) {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    if (button) button.textContent = button.dataset[choice];
  }

  const first = CHOICES.includes(stored()) ? stored() : "auto";
  apply(first, null);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (button) {
      let choice = first;
      button.hidden = false;
      apply(choice, button);
      button.addEventListener("click", () => {
        choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
        store(choice);
        apply(choice, button);
        nocturne.redrawAll();
      });
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nocturne.redrawAll);
    nocturne.start();
  });
})(window.Nocturne);
