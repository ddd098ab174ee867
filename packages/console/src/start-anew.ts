/** Loads the page again at its front: nothing of who was there before stays, neither in it nor in the address. */
export function startAnew(): void {
  history.replaceState(null, '', '/');
  location.reload();
}
