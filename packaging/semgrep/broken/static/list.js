// Lines that a rule must find. Nobody runs this.
export function draw(row, title) {
  row.innerHTML = `<b>${title}</b>`; // finds: no-text-becomes-html
  row.insertAdjacentHTML("beforeend", title); // finds: no-text-becomes-html
  document.write(title); // finds: no-text-becomes-html
  eval(title); // finds: no-text-becomes-html
  row.textContent = title;
  return row.innerHTML;
}
