/**
 * Answers as complete Latin-1 strings. Owns the status phrases and the building; promises a correct Content-Length and
 * that no header value can break out of its line. The Connection field is never written here: http/ adds it where the
 * connection closes. There is no Date and no Server header: neither serves a client of this server.
 */
import type { Reason } from './reasons.ts';
import { REASONS, sentenceOf, statusOf } from './reasons.ts';
import type { Answer } from './types.ts';

const PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** Header names and values beside the ones built here. */
export type ExtraHeaders = Readonly<Record<string, string>>;

export const TEXT = 'text/plain; charset=utf-8';
export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** An answer without a body: `Content-Length: 0`, or none at all for 204 and 304, which may not have one. */
export function empty(status: number, headers: ExtraHeaders = {}): Answer {
  const length = status === 204 || status === 304 ? '' : 'Content-Length: 0\r\n';
  return { status, text: `${start(status, headers)}${length}\r\n`, close: false };
}

/** An answer with one line of text, the newline added here. @param text ASCII, never a client's own words. */
export function plain(status: number, text: string, headers: ExtraHeaders = {}): Answer {
  return withBody(status, TEXT, headers)(`${text}\n`);
}

/**
 * Prepares everything of an answer but its body, for answers built per request.
 * @returns a function from the body, as a Latin-1 string (one character a byte), to the answer.
 */
export function withBody(status: number, type: string, headers: ExtraHeaders = {}): (body: string) => Answer {
  const before = `${start(status, { ...headers, 'Content-Type': type })}Content-Length: `;
  return (body) => ({ status, text: `${before}${body.length}\r\n\r\n${body}`, close: false });
}

/** The answer http/ gives by itself for `reason`; the connection closes after it. */
export function refusal(reason: Reason): Answer {
  return REFUSALS[reason];
}

/** @returns the text to send: `Connection: close` added when `close`, the body left out for a HEAD request. */
export function finalText(answer: Answer, close: boolean, isHead: boolean): string {
  let { text } = answer;
  if (isHead) text = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  if (!close) return text;
  const at = text.indexOf('\r\n') + 2;
  return `${text.slice(0, at)}Connection: close\r\n${text.slice(at)}`;
}

function start(status: number, headers: ExtraHeaders): string {
  const phrase = PHRASES[status];
  if (phrase === undefined) throw new Error(`responses: status ${status} has no phrase; add it to PHRASES`);
  let text = `HTTP/1.1 ${status} ${phrase}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new Error(`responses: header ${JSON.stringify(name)}: ${JSON.stringify(value)} cannot be sent`);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

const REFUSALS = Object.fromEntries(
  REASONS.filter((reason) => statusOf(reason) !== 0).map((reason) => {
    const status = statusOf(reason);
    return [
      reason,
      {
        ...plain(status, sentenceOf(reason), status === 503 || status === 429 ? { 'Retry-After': '2' } : {}),
        close: true,
      },
    ];
  }),
) as Record<Reason, Answer>;
