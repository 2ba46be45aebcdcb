// Pages before the desk: fill in the browser's time zone at set-up.

const zone = document.querySelector("[data-time-zone]");
if (zone instanceof HTMLInputElement && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
