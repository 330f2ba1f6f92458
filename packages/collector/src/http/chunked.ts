/**
 * The chunked transfer coding (RFC 9112 7.1). Owns an incremental decoder that keeps a few numbers and no bytes;
 * promises that size lines, extensions, trailers and the body are bounded, that all of them are validated, and that
 * trailers go no further. Like the head parser it depends on the bytes alone, not on how they were cut into reads.
 */
import type { Reason } from './reasons.ts';
import { CLASS, COLON, CR, LF, TOKEN, VALUE, hexValue, isBlank } from './syntax.ts';

/** Size digits and extensions of one chunk, without CRLF. */
export const CHUNK_LINE_BYTES_MAX = 256;
/** Extensions of all chunks of one body. */
export const CHUNK_EXTENSION_BYTES_MAX = 4096;
/** Trailer fields of one body, CRLFs included. */
export const TRAILER_BYTES_MAX = 4096;
export const TRAILER_FIELDS_MAX = 32;

const SIZE_DIGITS_MAX = 8;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

/** What one call of `next` found. */
export const ChunkStep = {
  /** All bytes given were taken; more are needed. */
  more: 0,
  /** Body bytes lie at `dataFrom` … `dataTo` of the bytes given; call again from `at`. */
  data: 1,
  /** The body is complete; `at` is the first byte after it. */
  done: 2,
  /** The body is malformed or too large: `reason`. */
  invalid: 3,
} as const;
export type ChunkStep = (typeof ChunkStep)[keyof typeof ChunkStep];

/** Where in the grammar the next byte stands. */
const At = {
  size: 0,
  extensionName: 1,
  afterName: 2,
  extensionValue: 3,
  quoted: 4,
  quotedPair: 5,
  afterQuoted: 6,
  beforeSemicolon: 7,
  sizeLf: 8,
  data: 9,
  dataCr: 10,
  dataLf: 11,
  trailerLine: 12,
  trailerName: 13,
  trailerValue: 14,
  trailerLf: 15,
  lastLf: 16,
  end: 17,
} as const;

/** The decoder of one body. */
export class ChunkedDecoder {
  /** Index into the bytes of the last call: everything before it was taken. */
  at = 0;
  dataFrom = 0;
  dataTo = 0;
  reason: Reason = 'chunk_size';

  private state: number = At.size;
  private size = 0;
  private digits = 0;
  /** Characters of the token being read; an empty one is malformed. */
  private tokenLength = 0;
  private lineBytes = 0;
  private extensionBytes = 0;
  private trailerBytes = 0;
  private trailerFields = 0;
  private bodyBytes = 0;
  private readonly bodyBytesMax: number;

  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax;
  }

  /** Reads on through bytes `from` … `to`, up to the next run of body bytes, the end of the body or a fault. */
  next(bytes: Uint8Array, from: number, to: number): ChunkStep {
    let i = from;
    while (i < to) {
      if (this.state === At.data) return this.data(i, to);
      const ok = this.state >= At.trailerLine ? this.trailer(bytes[i]!) : this.framing(bytes[i]!);
      if (!ok) return ChunkStep.invalid;
      i++;
      if (this.state === At.end) {
        this.at = i;
        return ChunkStep.done;
      }
    }
    this.at = i;
    return ChunkStep.more;
  }

  private data(from: number, to: number): ChunkStep {
    const length = Math.min(this.size, to - from);
    this.size -= length;
    if (this.size === 0) this.state = At.dataCr;
    this.dataFrom = from;
    this.dataTo = from + length;
    this.at = this.dataTo;
    return ChunkStep.data;
  }

  private invalid(reason: Reason): boolean {
    this.reason = reason;
    return false;
  }

  /** One byte of a size line or of the CRLF after data. */
  private framing(byte: number): boolean {
    switch (this.state) {
      case At.sizeLf:
        return byte === LF ? this.sizeLineEnds() : this.invalid('line_end');
      case At.dataCr:
        this.state = At.dataLf;
        return byte === CR || this.invalid('chunk_data');
      case At.dataLf:
        this.state = At.size;
        return byte === LF || this.invalid('chunk_data');
      case At.size:
        if (!this.countLineByte(byte)) return false;
        return this.sizeByte(byte);
      default:
        if (!this.countLineByte(byte)) return false;
        return this.extensionByte(byte);
    }
  }

  private countLineByte(byte: number): boolean {
    if (byte === CR) return true;
    this.lineBytes++;
    if (this.state !== At.size) this.extensionBytes++;
    return (
      (this.lineBytes <= CHUNK_LINE_BYTES_MAX && this.extensionBytes <= CHUNK_EXTENSION_BYTES_MAX) ||
      this.invalid('chunk_line_too_long')
    );
  }

  private sizeByte(byte: number): boolean {
    const value = hexValue(byte);
    if (value >= 0) {
      this.size = this.size * 16 + value;
      return ++this.digits <= SIZE_DIGITS_MAX || this.invalid('chunk_size');
    }
    if (this.digits === 0) return this.invalid('chunk_size');
    return this.afterElement(byte) || this.invalid(byte === LF ? 'line_end' : 'chunk_size');
  }

  /**
   * `;name`, `;name=token` or `;name="quoted"`, with white space around `;` and `=`: "bad", but part of the grammar
   * (RFC 9112 7.1.1). Before the line's end it is not.
   */
  private extensionByte(byte: number): boolean {
    switch (this.state) {
      case At.quoted:
        if (byte === 0x22) this.state = At.afterQuoted;
        else if (byte === 0x5c) this.state = At.quotedPair;
        else return (CLASS[byte]! & VALUE) !== 0 || this.extensionFault(byte);
        return true;
      case At.quotedPair:
        this.state = At.quoted;
        return (CLASS[byte]! & VALUE) !== 0 || this.extensionFault(byte);
      case At.beforeSemicolon:
        if (byte === SEMICOLON) this.begin(At.extensionName);
        return byte === SEMICOLON || isBlank(byte) || this.extensionFault(byte);
      case At.afterName:
        if (byte === SEMICOLON) this.begin(At.extensionName);
        else if (byte === EQUALS) this.begin(At.extensionValue);
        else return isBlank(byte) || this.extensionFault(byte);
        return true;
      case At.afterQuoted:
        return this.afterElement(byte) || this.extensionFault(byte);
      default:
        return this.tokenByte(byte) || this.extensionFault(byte);
    }
  }

  /** A byte of an extension's name or value, or the first after it. @returns false when it is malformed. */
  private tokenByte(byte: number): boolean {
    const isName = this.state === At.extensionName;
    if ((CLASS[byte]! & TOKEN) !== 0) {
      this.tokenLength++;
      return true;
    }
    if (this.tokenLength === 0) {
      if (byte === 0x22 && !isName) this.state = At.quoted;
      else return isBlank(byte);
      return true;
    }
    if (isName && byte === EQUALS) this.begin(At.extensionValue);
    else if (isName && isBlank(byte)) this.state = At.afterName;
    else return this.afterElement(byte);
    return true;
  }

  /** The first byte after a size or an extension. @returns false when none may stand there. */
  private afterElement(byte: number): boolean {
    if (byte === CR) this.state = At.sizeLf;
    else if (byte === SEMICOLON) this.begin(At.extensionName);
    else if (isBlank(byte)) this.state = At.beforeSemicolon;
    else return false;
    return true;
  }

  private extensionFault(byte: number): boolean {
    return this.invalid(byte === LF ? 'line_end' : 'chunk_extension');
  }

  private begin(state: number): void {
    this.state = state;
    this.tokenLength = 0;
  }

  private sizeLineEnds(): boolean {
    this.lineBytes = 0;
    this.digits = 0;
    if (this.size === 0) {
      this.state = At.trailerLine;
      return true;
    }
    this.bodyBytes += this.size;
    this.state = At.data;
    return this.bodyBytes <= this.bodyBytesMax || this.invalid('body_too_large');
  }

  /** One byte after the last chunk: trailer fields, then the empty line. */
  private trailer(byte: number): boolean {
    if (++this.trailerBytes > TRAILER_BYTES_MAX) return this.invalid('trailer_too_large');
    switch (this.state) {
      case At.trailerLine:
        if (byte === CR) {
          this.state = At.lastLf;
          return true;
        }
        if (++this.trailerFields > TRAILER_FIELDS_MAX) return this.invalid('trailer_too_large');
        this.state = At.trailerName;
        return (CLASS[byte]! & TOKEN) !== 0 || this.invalid(isBlank(byte) ? 'field_fold' : 'trailer');
      case At.trailerName:
        if (byte === COLON) this.state = At.trailerValue;
        else return (CLASS[byte]! & TOKEN) !== 0 || this.invalid('trailer');
        return true;
      case At.trailerValue:
        if (byte === CR) this.state = At.trailerLf;
        else return (CLASS[byte]! & VALUE) !== 0 || this.invalid(byte === LF ? 'line_end' : 'trailer');
        return true;
      case At.trailerLf:
        this.state = At.trailerLine;
        return byte === LF || this.invalid('line_end');
      default:
        this.state = At.end;
        return byte === LF || this.invalid('line_end');
    }
  }
}
