// The feedback form: what a customer writes becomes a ticket at the support desk, which hands it on to Ratchet.

import { createHmac } from "node:crypto";

/** The largest message that the desk takes, in characters. */
export const MESSAGE_CHARS_MAX = 8_000;

/** What helps to find a fault: one line for each thing that is known about the running shop. */
export function diagnostics(config) {
  return Object.entries(config)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

/** The ticket for a filled-in form. The customer decides whether diagnostics go along. */
export function ticketOf(form, config) {
  const message = form.message.trim().slice(0, MESSAGE_CHARS_MAX);
  const body = form.attachDiagnostics ? `${message}\n\n-- diagnostics --\n${diagnostics(config)}` : message;
  return { subject: form.subject.trim() || "Feedback", body, requester: form.email.trim() };
}

/** The headers that prove to the receiver that the shop sent these bytes at that time (RFC 3339). */
export function signedHeaders(body, timestamp, signingSecret) {
  const signature = createHmac("sha256", signingSecret).update(timestamp + body).digest("base64");
  return {
    "content-type": "application/json",
    "x-zendesk-webhook-signature": signature,
    "x-zendesk-webhook-signature-timestamp": timestamp,
  };
}
