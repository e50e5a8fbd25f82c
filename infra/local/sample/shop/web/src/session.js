// The cookie that finds a visitor's basket again.

const NAME = "shop_session";

/** The session's id in a Cookie header, or null. */
export function sessionOf(header) {
  for (const pair of (header ?? "").split(";")) {
    const [name, value] = pair.trim().split("=");
    if (name === NAME && /^[a-z0-9]{16,64}$/.test(value ?? "")) {
      return value;
    }
  }
  return null;
}

/** The Set-Cookie header for a session. */
export function sessionCookie(id) {
  return `${NAME}=${id}; Path=/; HttpOnly; SameSite=Lax; Secure`;
}
