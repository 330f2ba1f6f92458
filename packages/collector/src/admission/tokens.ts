/**
 * What a tokens file says. Owns the entry: who may present a token, and as which clients. A token itself is never kept,
 * only its SHA-256.
 */

export interface TokenEntry {
  /** For people and logs: `token list`, `token revoke`; also the client_id of /v1/jsonl, `jsonl:NAME`. */
  readonly name: string;
  /** A client_id, with `*` for any characters. */
  readonly clients: string;
  /** 64 hex digits, lower case. */
  readonly sha256: string;
  /** Infinity: never. */
  readonly expiresUnixMs: number;
}
