// Paint first: what makes the page alive is fetched once the page is seen, or at once where nobody looks.

let begun = false;
function begin() {
  if (begun) return;
  begun = true;
  const later = /** @type {HTMLTemplateElement} */ (document.getElementById("later"));
  document.head.append(later.content);
}

if (document.hidden) begin();
else { requestAnimationFrame(() => setTimeout(begin)); setTimeout(begin, 300); }
