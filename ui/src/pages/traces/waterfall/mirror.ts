/**
 * The rows on screen as a tree grid: what a screen reader reads and what tests click. It holds only those rows, is
 * renewed when scrolling rests, and at once for the row that has the focus.
 */

import { formatDuration, plural } from '../../../model/format';
import { Mark, startOf, text } from '../../../model/trace';
import { RowKind } from '../../../model/traceRows';
import { ROW_HEIGHT, type Scene } from './scene';
import type { Stage } from './stage';

const COLUMNS = ['Span', 'Duration', 'Start', 'State'];

let made = 0;

export interface RowWords {
  cells: [string, string, string, string];
  expanded: boolean | undefined;
}

function stateWords(scene: Scene, span: number): string {
  const { trace } = scene;
  const marks = trace.marks[span]!;
  const words: string[] = [];
  if (trace.failed[span]) words.push('error');
  if (marks & Mark.firstCause) words.push('first cause');
  else if (marks & Mark.causedBy) words.push('caused by a failure below');
  if (marks & Mark.missing) words.push('never arrived');
  if (marks & Mark.orphan) words.push('parent missing');
  if (marks & Mark.inProgress) words.push('in progress');
  if (marks & Mark.cycleCut) words.push('cycle of parents cut here');
  if (marks & Mark.duplicateId) words.push('span id used twice');
  const usual = scene.usual.get(span);
  if (usual) words.push(`usually ${formatDuration(usual.nano)}`);
  if (trace.critical[span]! > 0) words.push(`critical path ${formatDuration(trace.critical[span]!)}`);
  if (trace.skew[span] !== 0) words.push(`clock corrected by ${formatDuration(trace.skew[span]!)}`);
  if (trace.logs[span]! > 0) words.push(plural(trace.logs[span]!, 'log'));
  return words.join(', ');
}

/** What is painted, in words. */
export function rowWords(scene: Scene, index: number): RowWords {
  const { trace, rows } = scene;
  const ref = rows.ref[index]!;
  const kind = rows.kind[index]!;
  const since = (at: number) => `at ${formatDuration(at)}`;
  if (kind === RowKind.log) {
    const { log, at } = scene.logs[ref]!;
    return { cells: [`log ${log.severity}: ${log.line.slice(0, 300)}`, '', since(at), ''], expanded: undefined };
  }
  const operation = `${text(trace.service, ref)} ${text(trace.name, ref)}`.trim();
  if (kind === RowKind.fold) {
    const sum = scene.folds(ref);
    return {
      cells: [
        `${sum.members} times ${operation}`,
        `${formatDuration(sum.total)} in total, ${formatDuration(sum.longest)} at most`,
        since(sum.from),
        sum.errors > 0 ? plural(sum.errors, 'error') : '',
      ],
      expanded: scene.unfolded.has(ref),
    };
  }
  return {
    cells: [
      operation,
      formatDuration(trace.duration[ref]!),
      since(startOf(trace, ref, scene.adjusted)),
      stateWords(scene, ref),
    ],
    expanded: scene.opens(ref) ? !scene.collapsed.has(ref) : undefined,
  };
}

export class Mirror {
  private readonly stage: Stage;
  private readonly id = `waterfall-${++made}`;
  private readonly head: HTMLElement;
  private from = 0;
  private to = -1;

  constructor(stage: Stage, label: string) {
    this.stage = stage;
    const { grid } = stage;
    grid.setAttribute('role', 'treegrid');
    grid.setAttribute('aria-label', label);
    grid.setAttribute('aria-colcount', String(COLUMNS.length));
    grid.tabIndex = 0;
    this.head = document.createElement('div');
    this.head.setAttribute('role', 'row');
    this.head.setAttribute('aria-rowindex', '1');
    for (const name of COLUMNS) {
      const cell = document.createElement('span');
      cell.setAttribute('role', 'columnheader');
      cell.textContent = name;
      this.head.append(cell);
    }
    grid.append(this.head);
  }

  /** Renews all rows on screen. */
  renew(scene: Scene): void {
    const { grid } = this.stage;
    const first = Math.max(0, Math.floor(scene.top / ROW_HEIGHT));
    const last = Math.min(scene.rows.length - 1, Math.floor((scene.top + scene.height - 1) / ROW_HEIGHT));
    this.from = first;
    this.to = last;
    grid.setAttribute('aria-rowcount', String(scene.rows.length + 1));
    const rows: HTMLElement[] = [this.head];
    for (let index = first; index <= last; index++) rows.push(this.row(scene, index));
    // The active row is named by the grid, so it stands in it wherever it is.
    if (scene.active >= 0 && (scene.active < first || scene.active > last)) rows.push(this.row(scene, scene.active));
    grid.replaceChildren(...rows);
    this.point(scene);
  }

  /** The active row moved, the rest stayed. */
  move(scene: Scene): void {
    if (scene.active < this.from || scene.active > this.to || !document.getElementById(this.rowId(scene.active))) {
      this.renew(scene);
      return;
    }
    for (const row of this.stage.grid.querySelectorAll('[aria-selected="true"]'))
      row.setAttribute('aria-selected', 'false');
    document.getElementById(this.rowId(scene.active))?.setAttribute('aria-selected', 'true');
    this.point(scene);
  }

  private point(scene: Scene): void {
    if (scene.active >= 0) this.stage.grid.setAttribute('aria-activedescendant', this.rowId(scene.active));
    else this.stage.grid.removeAttribute('aria-activedescendant');
  }

  private rowId(index: number): string {
    return `${this.id}-${index}`;
  }

  private row(scene: Scene, index: number): HTMLElement {
    const { cells, expanded } = rowWords(scene, index);
    const row = document.createElement('div');
    row.setAttribute('role', 'row');
    row.id = this.rowId(index);
    row.setAttribute('aria-level', String(scene.rows.level[index]! + 1));
    row.setAttribute('aria-rowindex', String(index + 2));
    row.setAttribute('aria-selected', String(index === scene.active));
    if (expanded !== undefined) row.setAttribute('aria-expanded', String(expanded));
    row.style.top = `${this.stage.placeOf(index)}px`;
    for (const words of cells) {
      const cell = document.createElement('span');
      cell.setAttribute('role', 'gridcell');
      cell.textContent = words;
      row.append(cell);
    }
    return row;
  }
}
