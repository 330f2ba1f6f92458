/**
 * Reads what a server sent as HTTP/1.1 answers. Owns the client's half of the framing, kept apart from the server's
 * code on purpose; promises to call bytes that are no well-formed answer by their name instead of skipping them.
 */

export interface AnswerRead {
  status: number;
  /** Lower-case names; of those that come twice, the last. */
  headers: Map<string, string>;
  /** Names of all fields, in order. */
  names: string[];
  body: string;
}

export interface AnswersRead {
  /** Final answers in order. */
  final: AnswerRead[];
  /** Status codes of the 1xx ones. */
  interim: number[];
  /** Bytes after the last whole answer. */
  rest: string;
}

/** @param text all bytes received, as Latin-1. @param isHead whether final answer `index` answers a HEAD request. */
export function readAnswers(text: string, isHead: (index: number) => boolean): AnswersRead {
  const final: AnswerRead[] = [];
  const interim: number[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    const [statusLine = '', ...lines] = text.slice(at, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(statusLine)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) break;
    const fields = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
    const headers = new Map(fields);
    const names = fields.map(([name]) => name);
    const bodyAt = end + 4;
    if (status < 200) {
      interim.push(status);
      at = bodyAt;
      continue;
    }
    const bodiless = status === 204 || status === 304 || isHead(final.length);
    const length = bodiless ? 0 : Number(headers.get('content-length') ?? Number.NaN);
    if (Number.isNaN(length) || text.length < bodyAt + length) break;
    final.push({ status, headers, names, body: text.slice(bodyAt, bodyAt + length) });
    at = bodyAt + length;
  }
  return { final, interim, rest: text.slice(at) };
}
