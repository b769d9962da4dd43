/** What is wrong with a document: all of it at once, each with the place and what would be right. */

export interface Problem {
  /** JSON pointer in URI fragment form, for instance `#/rules/3/points`. */
  pointer: string;
  detail: string;
}

export class Problems {
  readonly list: Problem[] = [];

  add(pointer: string, detail: string): void {
    if (!this.list.some((known) => known.pointer === pointer && known.detail === detail)) {
      this.list.push({ pointer, detail });
    }
  }
}
