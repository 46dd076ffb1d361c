/**
 * The page's nonce. Some of antd's parts measure the scroll bar or lock it with a style element of their own and do not
 * pass the nonce on; a style element made by this application always carries it.
 */
export const nonce = document.querySelector('meta[property="csp-nonce"]')?.getAttribute("content") ?? undefined;

const create = document.createElement.bind(document);
document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const element = create(name, options);
  if (name === "style" && nonce) element.nonce = nonce;
  return element;
}) as typeof document.createElement;
