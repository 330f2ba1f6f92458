/** What a listener needs to speak TLS. Owns the type; the files it comes from are main's business. */

export interface TlsMaterial {
  /** PEM: the certificate, then those that sign it. */
  readonly cert: string;
  readonly key: string;
  /** PEM; '' when clients are not asked for a certificate. */
  readonly clientCa: string;
  /** A handshake without a valid certificate of the client fails. */
  readonly clientRequired: boolean;
  readonly clientId: 'san' | 'cn';
  readonly minVersion: '1.2' | '1.3';
  /** 48 bytes that all workers share, so that a session begun with one is resumed with another. */
  readonly ticketKeys: Uint8Array;
}
