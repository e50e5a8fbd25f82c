// Pages as HTML. Everything that is not ours is escaped.

import { formatCents } from "./money.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text that may stand in HTML, also within an attribute. */
export function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

/** A page of the catalogue. */
export function catalogPage({ page, pages, products }) {
  const items = products.map((product) => `<li>${escape(product.name)} <b>${formatCents(product.cents)}</b></li>`);
  const links = Array.from({ length: pages }, (_, index) => pageLink(index + 1, page));
  return `<ul>${items.join("")}</ul><nav>${links.join(" ")}</nav>`;
}

function pageLink(number, current) {
  return number === current ? `<b>${number}</b>` : `<a href="/?page=${number}">${number}</a>`;
}
