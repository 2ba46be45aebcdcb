// As much of a page as modules without elements need: what language it is in, and whose time it shows.

export function open({ lang = "en", zone } = {}) {
  globalThis.document = { documentElement: { lang }, body: { dataset: zone ? { zone } : {} } };
}

/** Load a module anew, as a page in this language does. */
export async function load(name, page) {
  open(page);
  return import(`../../static/${name}?${JSON.stringify(page ?? {})}`);
}
