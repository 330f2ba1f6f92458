/**
 * The client_ids that are the collector's own: those it gives to lines that came by /v1/jsonl. Owns their form, and
 * promises that none of them is longer than a client_id may be, whatever the token or certificate is called.
 */
const PREFIX = 'jsonl:';
const CLIENT_ID_CHARS_MAX = 128;

/**
 * @returns whether only the collector itself may use this client_id. One of them has an epoch for every ingest worker,
 * all alive at once, where a client of the network has one.
 */
export function isOwnClient(clientId: string): boolean {
  return clientId.startsWith(PREFIX);
}

/** @param name of the token or certificate that brought the lines; '' where nobody is asked. */
export function ownClientId(name: string): string {
  const id = PREFIX + (name === '' ? 'local' : name.replaceAll(/[^A-Za-z0-9._:-]/g, '_'));
  return id.slice(0, CLIENT_ID_CHARS_MAX);
}
