// The list of products: pages of it, and the search.

export const PAGE_SIZE = 12;

/** How many pages it takes to show that many products. An empty shop has one empty page. */
export function pageCount(products) {
  return Math.max(1, Math.floor(products.length / PAGE_SIZE));
}

/** The products of a page; pages count from 1, and a page that is not there shows the nearest one that is. */
export function pageOf(products, page) {
  const wanted = Number.isInteger(page) ? page : 1;
  const shown = Math.min(Math.max(wanted, 1), pageCount(products));
  const start = (shown - 1) * PAGE_SIZE;
  return { page: shown, pages: pageCount(products), products: products.slice(start, start + PAGE_SIZE) };
}

/** The products whose name or description holds what the customer typed, in any case. */
export function searchProducts(products, typed) {
  const wanted = typed.trim();
  if (wanted === "") {
    return products;
  }
  const pattern = new RegExp(wanted, "i");
  return products.filter((product) => pattern.test(product.name) || pattern.test(product.description ?? ""));
}

/** Cheapest first; equal prices by name, so that the order never jumps. */
export function byPrice(products) {
  return [...products].sort((one, other) => one.cents - other.cents || one.name.localeCompare(other.name));
}
