/** A failure the user can do something about: shown as its sentence, without a stack. */
export class StartError extends Error {}
