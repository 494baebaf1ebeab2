// Chooses the time zone of this computer in the apply form, unless one has been chosen.
"use strict";
(() => {
  const select = document.querySelector("select[data-own-zone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (select && [...select.options].some((option) => option.value === zone)) select.value = zone;
})();
