// The order service, over HTTP.

/** A `send` for the checkout: posts JSON to the service and reads JSON back. */
export function sender(baseUrl, fetcher = fetch) {
  return async (path, body, headers) => {
    const answer = await fetcher(baseUrl + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? {} : JSON.parse(text) };
  };
}
