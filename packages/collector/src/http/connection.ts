/**
 * One connection. Owns its socket's life: reading and pausing, what it holds of an unfinished request, its timeouts,
 * its orderly end (last answer, half-close, a short wait for the client's own end). Every exchange it handed over
 * ends in one answer or in one `aborted`; after `closed` it holds nothing and the listener has forgotten it.
 */
import type { SocketUser, Wire } from './adopt.ts';
import type { ExchangeOwner, HttpExchange } from './exchange.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { Expecting, Intake } from './intake.ts';
import { Outbox } from './outbox.ts';
import type { Reason } from './reasons.ts';
import { TICK_MS } from './shared.ts';
import type { Shared } from './shared.ts';
import type { Certified, Peer } from './types.ts';

/** What a closing connection still reads and drops, so that a client busy sending gets to its answer. */
const LINGER_BYTES_MAX = 2 * 1024 * 1024;

/** Of the memory for unfinished requests: anybody may begin a head, but only who was let in sends a body. */
const HEADS_PART = 1 / 2;

/** What the deadline is for; `none`: it is the handler's turn, and no deadline runs. */
const Wait = { none: 0, idle: 1, head: 2, body: 3, linger: 4 } as const;
type Wait = (typeof Wait)[keyof typeof Wait];

export interface ConnectionOptions {
  ip: string;
  /** By the client's certificate, when it has a valid one. */
  certified: Certified | undefined;
  /** Called once, when the socket has closed. */
  onClosed: (connection: Connection) => void;
}

export class Connection implements SocketUser, ExchangeOwner {
  /** Its index in the listener's table. */
  slot = 0;
  /** Accepted only to be told why it is turned away. */
  refused = false;

  /** The address of the other end. */
  readonly ip: string;

  private readonly shared: Shared;
  private readonly certified: Certified | undefined;
  private readonly onClosed: (connection: Connection) => void;
  private readonly outbox: Outbox;
  private readonly intake: Intake;
  private wire!: Wire;
  /** Part of a head, or requests not read yet because the intake is blocked. */
  private held: GrowingBuffer | null = null;
  private waitsFor: Wait = Wait.idle;
  /** Tick at which the client has taken too long, 0 when nothing is expected of it. */
  private deadlineTick: number;
  private settling = false;
  private consuming = false;
  private reading = true;
  /** Our side is half-closed. */
  private finished = false;
  private lingeredBytes = 0;
  private address = '';
  /** Made when somebody asks: an idle connection has none. */
  private known: Peer | undefined;

  constructor(shared: Shared, { ip, certified, onClosed }: ConnectionOptions) {
    this.shared = shared;
    this.ip = ip;
    this.certified = certified;
    this.onClosed = onClosed;
    this.outbox = new Outbox(shared, (error) => (error === undefined ? this.settle() : this.destroy()));
    this.intake = new Intake(shared, this.outbox, this);
    // A client that opens a connection has something to say: it gets a head's time for its first byte.
    this.deadlineTick = shared.tick + shared.ticks.head;
  }

  /** Gives the connection its socket; called once, before any event. */
  open(wire: Wire): void {
    this.wire = wire;
  }

  get remote(): string {
    const { remotePort } = this.wire.socket;
    if (this.address === '' && remotePort !== undefined) this.address = `${this.ip}:${remotePort}`;
    return this.address === '' ? this.ip : this.address;
  }

  get peer(): Peer {
    this.known ??= { ip: this.ip, certified: this.certified, context: undefined };
    return this.known;
  }

  /** Fresh input; `bytes` is only ours during the call. */
  read(bytes: Buffer, length: number): void {
    const { intake } = this;
    this.shared.stats.bytesRead += length;
    if (intake.isClosed()) {
      this.lingeredBytes += length;
      if (this.lingeredBytes > LINGER_BYTES_MAX) this.wire.socket.destroy();
      return;
    }
    this.consuming = true;
    if (this.held === null) {
      this.shared.turnLater();
      const at = intake.advance(bytes, 0, length);
      if (at < length) this.hold(bytes, at, length);
    } else {
      const isNews = !intake.isMoreOfHead(bytes, length);
      if (this.hold(bytes, 0, length) && isNews) this.consumeHeld();
    }
    this.consuming = false;
    this.settle();
  }

  private hold(bytes: Buffer, from: number, to: number): boolean {
    this.held ??= new GrowingBuffer(this.shared, HEADS_PART);
    if (this.held.append(bytes, from, to)) return true;
    this.dropHeld();
    this.intake.fail('buffers_full');
    return false;
  }

  private consumeHeld(): void {
    const { held } = this;
    if (held === null) return;
    // Not only fresh input is handed over: what waited here wants its turn too.
    this.shared.turnLater();
    held.from = this.intake.advance(held.bytes, held.from, held.to);
    if (held.length === 0 || this.intake.isClosed()) this.dropHeld();
  }

  private dropHeld(): void {
    this.held?.release();
    this.held = null;
  }

  /** An exchange got its answer: in a run of answers or of requests, the last one writes them all. */
  answered(exchange: HttpExchange): void {
    this.intake.answered(exchange);
    if (this.consuming) this.outbox.flushIfLong(this.wire);
    else if (!this.settling) {
      this.settling = true;
      this.shared.flushLater(this);
    }
  }

  /** Brings everything outside in line with the state: writes, reads on what was held back, closes, sets deadlines. */
  settle(): void {
    this.settling = false;
    const { intake, outbox } = this;
    if (this.wire.socket.destroyed) return;
    for (;;) {
      if (!outbox.flush(this.wire)) return this.cut('write_overflow');
      if (!intake.blocked || outbox.stalled || outbox.waiting >= this.shared.limits.pipelinedMax) break;
      intake.blocked = false;
      this.consuming = true;
      this.consumeHeld();
      this.consuming = false;
    }
    if (outbox.closing && !outbox.pending && !outbox.stalled && !this.finished) this.finish();
    if (this.reading === intake.blocked) {
      this.reading = !intake.blocked;
      if (this.reading) this.wire.socket.resume();
      else this.wire.socket.pause();
    }
    if (!this.finished) this.arm();
  }

  /** Half-closes behind the last answer, then waits a little for the client to do the same. */
  private finish(): void {
    this.finished = true;
    this.intake.close();
    this.intake.blocked = false;
    this.dropHeld();
    this.waitsFor = Wait.linger;
    this.deadlineTick = this.shared.tick + this.shared.ticks.linger;
    this.wire.socket.end();
  }

  private arm(): void {
    const { intake, outbox } = this;
    let wait: Wait = Wait.idle;
    if (intake.insideBody || intake.expecting === Expecting.refusedBody) wait = Wait.body;
    else if (intake.isClosed() || intake.blocked) wait = Wait.none;
    else if (this.held !== null) wait = Wait.head;
    else if (outbox.waiting > 0) wait = Wait.none;
    if (wait === this.waitsFor && wait !== Wait.idle && !intake.moved) return;
    intake.moved = false;
    const { tick, ticks } = this.shared;
    if (wait === Wait.none) this.deadlineTick = 0;
    else this.deadlineTick = tick + (wait === Wait.idle ? ticks.idle : wait === Wait.head ? ticks.head : ticks.body);
    this.waitsFor = wait;
  }

  /** Called by the listener at every tick. */
  onTick(tick: number): void {
    if (this.outbox.deadlineTick !== 0 && tick >= this.outbox.deadlineTick) this.cut('write_timeout');
    else if (this.deadlineTick !== 0 && tick >= this.deadlineTick) this.expire();
    else if (this.waitsFor === Wait.body && this.isBodySlow(tick)) {
      this.intake.fail('body_slow');
      this.settle();
    }
  }

  /** The body's deadline tells when its head was complete. */
  private isBodySlow(tick: number): boolean {
    const { limits, ticks } = this.shared;
    const elapsed = tick - (this.deadlineTick - ticks.body);
    if (limits.bodyBytesPerSecondMin === 0 || elapsed <= ticks.bodyGrace || !this.intake.insideBody) return false;
    return this.intake.bodyBytes < (limits.bodyBytesPerSecondMin * elapsed * TICK_MS) / 1000;
  }

  private expire(): void {
    if (this.waitsFor === Wait.linger) {
      this.wire.socket.destroy();
      return;
    }
    if (this.waitsFor === Wait.head) this.intake.fail('head_timeout');
    else if (this.intake.insideBody) this.intake.fail('body_timeout');
    else this.leaveIdle();
    this.settle();
  }

  private leaveIdle(): void {
    if (this.intake.isFresh) this.shared.handler.malformed(0, 'silent', this.remote);
    this.closeAfterLast();
  }

  private closeAfterLast(): void {
    this.intake.close();
    this.dropHeld();
    this.outbox.closeAfterLast();
  }

  /** Ends a connection whose client does not read: no answer can reach it. */
  private cut(reason: Reason): void {
    this.shared.handler.malformed(0, reason, this.remote);
    this.wire.socket.destroy();
  }

  /** The client half-closed: what it asked is still answered, what it left unfinished is refused. */
  ended(): void {
    if (this.finished || this.intake.isClosed()) return;
    if (this.intake.insideBody || this.held !== null) this.intake.fail('truncated');
    else this.closeAfterLast();
    this.settle();
  }

  closed(): void {
    this.intake.close();
    this.intake.blocked = false;
    this.dropHeld();
    this.outbox.abandon();
    this.onClosed(this);
  }

  /** The listener is stopping: closes now when idle, otherwise after the request being read and those before it. */
  drain(): void {
    if (this.intake.isClosed()) return;
    if (this.intake.insideBody) this.outbox.closeAfterLast();
    else if (this.held === null) {
      this.closeAfterLast();
      this.settle();
    }
  }

  /**
   * The certificate that let it in must be judged anew, which is for a new connection to do: this one ends behind the
   * answers to what was asked. What is being read is dropped without one, so that it is asked again there.
   */
  withdraw(): void {
    if (this.certified === undefined || this.intake.isClosed()) return;
    if (this.intake.insideBody || this.held !== null) return this.destroy();
    this.closeAfterLast();
    this.settle();
  }

  /** Turned away: told why before anything is read. */
  refuse(reason: Reason): void {
    this.refused = true;
    this.intake.fail(reason);
    this.settle();
  }

  destroy(): void {
    this.wire.socket.destroy();
  }
}
