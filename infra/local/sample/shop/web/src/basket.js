// The basket as the browser keeps it.

/** A basket without a line. The id stays with it until it is ordered. */
export function emptyBasket(id) {
  return { id, revision: 0, lines: [] };
}

/** The basket with that many more of a product. */
export function withProduct(basket, sku, quantity) {
  const known = basket.lines.find((line) => line.sku === sku);
  const lines = known
    ? basket.lines.map((line) => (line === known ? { ...line, quantity: line.quantity + quantity } : line))
    : [...basket.lines, { sku, quantity }];
  return changed(basket, lines);
}

/** The basket without a product. */
export function withoutProduct(basket, sku) {
  return changed(
    basket,
    basket.lines.filter((line) => line.sku !== sku),
  );
}

/** How many pieces are in it. */
export function pieces(basket) {
  return basket.lines.reduce((sum, line) => sum + line.quantity, 0);
}

// Every change of a basket has a revision of its own.
function changed(basket, lines) {
  return { ...basket, revision: basket.revision + 1, lines };
}
