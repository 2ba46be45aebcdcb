// Why a file was not taken, for whoever sent it.

import { t } from "./words.js";

/**
 * @param {number} status
 * @param {ProblemBody} answer
 */
export function words(status, answer) {
  if (status === 401) return t("You have been logged out. Log in again in another tab, then press Retry.");
  if (status === 408) return t("The file came too slowly and was given up. Press Retry where the connection is better.");
  const own = answer.errors?.find(({ pointer }) => pointer === "/file" || pointer === "/message_id")?.message;
  const said = own || answer.detail || answer.title;
  if (!said) return t("Something went wrong at the desk ({status}).", { status });
  const sentence = said[0].toUpperCase() + said.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
