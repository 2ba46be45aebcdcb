// Why a file was not taken, for whoever sent it.

const PLAIN = {
  401: "You have been logged out. Log in again in another tab, then press Retry.",
  408: "The file came too slowly and was given up. Press Retry where the connection is better.",
};

export function words(status, answer) {
  const own = answer.errors?.find((error) => ["/file", "/message_id"].includes(error.pointer))?.message;
  const said = PLAIN[status] ?? own ?? answer.detail ?? answer.title ?? `Something went wrong at the desk (${status}).`;
  const sentence = said[0].toUpperCase() + said.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
