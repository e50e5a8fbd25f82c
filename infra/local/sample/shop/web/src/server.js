// The shop's web server.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

import { byPrice, pageOf, searchProducts } from "./catalog.js";
import { catalogPage } from "./views.js";

/** Answers one request: `{ status, html }`. */
export function answer(method, url, products) {
  if (method !== "GET") {
    return { status: 405, html: "method not allowed" };
  }
  const { pathname, searchParams } = new URL(url, "http://shop.invalid");
  if (pathname !== "/") {
    return { status: 404, html: "not found" };
  }
  const found = byPrice(searchProducts(products, searchParams.get("q") ?? ""));
  return { status: 200, html: catalogPage(pageOf(found, Number(searchParams.get("page") ?? 1))) };
}

/** A server that shows these products. */
export function serverOf(products) {
  return createServer((request, response) => {
    const { status, html } = answer(request.method, request.url, products);
    response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(html);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  serverOf([]).listen(8080, "127.0.0.1");
}
