// Whether a parcel can be sent to what the customer typed.

const POSTCODES = {
  AT: /^\d{4}$/,
  CH: /^\d{4}$/,
  DE: /^\d{5}$/,
  FR: /^\d{5}$/,
  GB: /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i,
  NL: /^\d{4} ?[A-Z]{2}$/i,
};

/** The names of the fields that are missing or wrong, in the order of the form. */
export function checkAddress(address) {
  const problems = ["name", "street", "city"].filter((field) => blank(address[field]));
  const country = (address.country ?? "").trim().toUpperCase();
  if (!/^[A-Z]{2}$/.test(country)) {
    problems.push("country");
  }
  const rule = POSTCODES[country];
  if (blank(address.postcode) || (rule && !rule.test(address.postcode.trim()))) {
    problems.push("postcode");
  }
  return problems;
}

function blank(value) {
  return typeof value !== "string" || value.trim() === "";
}
