/**
 * Answers as Latin-1 strings. Owns the status phrases and the building; promises a correct Content-Length and that no
 * header value can break out of its line. Date (RFC 9110 6.6.1) and, where the connection closes, Connection come in
 * between when an answer is sent, so that it can be built long before. There is no Server header: it serves nobody here.
 */
import type { Reason } from './reasons.ts';
import { REASONS, sentenceOf, statusOf } from './reasons.ts';
import type { Answer, HttpLimits } from './types.ts';

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
  return { status, line: lineOf(status), text: `${fieldsOf(headers)}${length}\r\n`, close: false };
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
  const line = lineOf(status);
  const before = `${fieldsOf({ ...headers, 'Content-Type': type })}Content-Length: `;
  return (body) => ({ status, line, text: `${before}${body.length}\r\n\r\n${body}`, close: false });
}

/** @returns the answers http/ gives by itself, by reason; the connection closes after each. */
export function refusalsFor(limits: HttpLimits): Readonly<Record<Reason, Answer>> {
  const answered = REASONS.filter((reason) => statusOf(reason) !== 0);
  return Object.fromEntries(
    answered.map((reason) => {
      const status = statusOf(reason);
      const headers: ExtraHeaders = status === 503 || status === 429 ? { 'Retry-After': '2' } : {};
      return [reason, { ...plain(status, sentenceOf(reason, limits), headers), close: true }];
    }),
  ) as Record<Reason, Answer>;
}

/** @returns the Date field of answers sent in this second, with its line end. */
export function dateField(unixMs: number): string {
  return `Date: ${new Date(unixMs).toUTCString()}\r\n`;
}

export interface Sending {
  /** From `dateField`. */
  date: string;
  /** `Connection: close` is added. */
  close: boolean;
  /** It answers a HEAD request: the body is left out. */
  isHead: boolean;
}

/** @returns all that is sent of an answer. */
export function finalText({ line, text }: Answer, { date, close, isHead }: Sending): string {
  const sent = isHead ? text.slice(0, text.indexOf('\r\n\r\n') + 4) : text;
  return close ? `${line}${date}Connection: close\r\n${sent}` : line + date + sent;
}

function lineOf(status: number): string {
  const phrase = PHRASES[status];
  if (phrase === undefined) throw new Error(`responses: status ${status} has no phrase; add it to PHRASES`);
  return `HTTP/1.1 ${status} ${phrase}\r\n`;
}

function fieldsOf(headers: ExtraHeaders): string {
  let text = '';
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new Error(`responses: header ${JSON.stringify(name)}: ${JSON.stringify(value)} cannot be sent`);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}
