"use strict";
// Makes the page from /openapi.json. All text goes in as text, never as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];
let api;

function make(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") node.className = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function resolved(value) {
  if (!value || !value.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((found, step) => found[step], api);
}

function nameOf(reference) {
  return reference.split("/").pop();
}

// `code` in descriptions, and nothing else of Markdown; `- ` begins an item of a list.
function prose(text) {
  const pieces = (line) => line.split("`").map((piece, place) => (place % 2 ? make("code", {}, piece) : piece));
  const lines = text.split("\n").filter((line) => line.trim());
  if (lines.length && lines.every((line) => line.startsWith("- "))) {
    return make("ul", {}, lines.map((line) => make("li", {}, pieces(line.slice(2)))));
  }
  return make("p", {}, pieces(lines.join(" ")));
}

function typeOf(schema) {
  if (schema.$ref) return [make("a", { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  if (schema.anyOf) return joined(schema.anyOf.map(typeOf), " or ");
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(" | ")];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.type === "array") {
    const items = schema.prefixItems ? joined(schema.prefixItems.map(typeOf), ", ") : typeOf(schema.items || {});
    return ["[", ...items, "]"];
  }
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return ["{name: ", ...typeOf(schema.additionalProperties), "}"];
  }
  return [schema.type || "any", schema.format ? ` (${schema.format})` : ""];
}

function joined(lists, separator) {
  return lists.flatMap((list, place) => (place ? [separator, ...list] : list));
}

const BOUNDS = {
  minimum: "at least", maximum: "at most", exclusiveMinimum: "more than", minLength: "characters at least",
  maxLength: "characters at most", minItems: "items at least", maxItems: "items at most", pattern: "as",
};

function bounds(schema) {
  const parts = [schema, ...(schema.anyOf || [])];
  const told = parts.flatMap((part) =>
    Object.entries(BOUNDS).filter(([key]) => key in part).map(([key, words]) => `${words} ${part[key]}`));
  if (schema.default !== undefined && schema.default !== null) told.push(`default ${JSON.stringify(schema.default)}`);
  return told.length ? make("span", { class: "muted" }, ` (${told.join(", ")})`) : null;
}

function members(schema) {
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, one]) =>
    make("tr", {},
      make("td", {}, make("code", {}, name), required.has(name) ? " *" : ""),
      make("td", {}, typeOf(one), bounds(one)),
      make("td", {}, one.description || "", one.readOnly ? " Set by the server." : "")));
  return rows.length ? make("table", {}, make("tbody", {}, rows)) : make("p", {}, typeOf(schema));
}

function json(value) {
  return make("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function parameters(operation) {
  const rows = operation.parameters.map(resolved).map((one) =>
    make("tr", {},
      make("td", {}, make("code", {}, one.name), one.required ? " *" : ""),
      make("td", { class: "muted" }, one.in),
      make("td", {}, typeOf(one.schema), bounds(one.schema)),
      make("td", {}, prose(one.description))));
  return rows.length ? [make("h3", {}, "Parameters"), make("table", {}, make("tbody", {}, rows))] : [];
}

function content(found) {
  return Object.entries(found || {}).flatMap(([type, media]) => [
    make("p", {}, make("code", {}, type), ": ", typeOf(media.schema)),
    media.example === undefined ? null : json(media.example),
  ]);
}

function problems(response) {
  const examples = Object.values(response.content || {}).flatMap((media) => Object.values(media.examples || {}));
  return make("ul", {}, examples.map(({ value }) =>
    make("li", {}, make("a", { href: value.type }, value.type.split("/").pop()), `: ${value.detail}`)));
}

function responses(operation) {
  const nodes = [make("h3", {}, "Answers")];
  const refused = [];
  for (const [status, reference] of Object.entries(operation.responses)) {
    const response = resolved(reference);
    if (status >= "400") {
      refused.push(make("tr", {}, make("td", {}, status), make("td", {}, problems(response))));
      continue;
    }
    const headers = Object.keys(response.headers || {}).join(", ");
    nodes.push(make("p", {}, make("strong", {}, status), ` ${response.description}`,
      make("span", { class: "muted" }, headers ? ` Header fields: ${headers}.` : "")));
    nodes.push(...content(response.content));
    if (response.links) nodes.push(links(response.links));
  }
  nodes.push(make("details", {}, make("summary", {}, "Problems"), make("table", {}, make("tbody", {}, refused))));
  return nodes;
}

function links(found) {
  const anchors = Object.values(found).map((link) => [make("a", { href: `#${link.operationId}` }, link.operationId)]);
  return make("p", { class: "muted" }, "Leads to: ", joined(anchors, ", "), ".");
}

function curl(method, path, operation) {
  const url = operation.parameters.map(resolved).filter((one) => one.in === "path").reduce(
    (found, one) => found.replace(`{${one.name}}`, one.example || one.schema.enum[0]), path);
  const lines = [`curl -X ${method.toUpperCase()} ${location.origin}${url}`];
  if (!operation.security || operation.security.some((one) => one.bearer)) {
    lines.push("-H 'Authorization: Bearer TOKEN'");
  }
  const [type, media] = Object.entries(operation.requestBody ? operation.requestBody.content : {})[0] || [];
  if (type) lines.push(`-H 'Content-Type: ${type}'`, `-d '${JSON.stringify(media.example).replaceAll("'", "'\\''")}'`);
  return make("pre", {}, lines.join(" \\\n  "));
}

function article(method, path, operation) {
  const body = operation.requestBody ? [make("h3", {}, "Body"), ...content(operation.requestBody.content)] : [];
  const inside = make("div", { class: "inside" },
    operation.description ? prose(operation.description) : null,
    operation.security && !operation.security.length ? make("p", {}, "Needs no token.") : null,
    parameters(operation), body, responses(operation), make("h3", {}, "With curl"), curl(method, path, operation));
  return make("article", { id: operation.operationId },
    make("details", {},
      make("summary", {},
        make("span", { class: `method ${method}` }, method.toUpperCase()),
        make("code", {}, path),
        make("span", {}, operation.summary),
        make("span", { class: "muted right" }, operation.operationId)),
      inside));
}

function show() {
  document.getElementById("about").replaceChildren(
    make("h1", {}, `${api.info.title} ${api.info.version}`),
    ...api.info.description.split("\n\n").map(prose),
    prose(`${api.components.securitySchemes.bearer.description}`),
    make("p", {}, "The same for programs: ", make("a", { href: "/openapi.json" }, "/openapi.json"), "."));
  const index = document.getElementById("index");
  const operations = document.getElementById("operations");
  for (const { name } of api.tags) {
    const entries = [];
    const articles = [];
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((one) => item[one] && item[one].tags.includes(name))) {
        const operation = item[method];
        const said = `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase();
        articles.push(article(method, path, operation));
        entries.push(make("li", { "data-said": said },
          make("a", { href: `#${operation.operationId}` },
            make("span", { class: `method ${method}` }, method.toUpperCase()), operation.summary)));
      }
    }
    index.append(make("section", {}, make("h2", {}, name), make("ul", {}, entries)));
    operations.append(make("section", {}, make("h2", {}, name), articles));
  }
  document.getElementById("schemas").append(make("h2", {}, "Schemas"),
    ...Object.entries(api.components.schemas).map(([name, schema]) =>
      make("article", { id: `schema-${name}` },
        make("details", {}, make("summary", {}, make("code", {}, name)),
          make("div", { class: "inside" }, schema.description ? prose(schema.description) : null, members(schema))))));
}

function filter(words) {
  for (const entry of document.querySelectorAll("#index li")) {
    entry.hidden = !words.toLowerCase().split(/\s+/).every((word) => entry.dataset.said.includes(word));
  }
  for (const section of document.querySelectorAll("#index section")) {
    section.hidden = !section.querySelector("li:not([hidden])");
  }
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  const details = target && target.querySelector("details");
  if (details) {
    details.open = true;
    target.scrollIntoView();
  }
}

async function begin() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json is answered with ${response.status}`);
  api = await response.json();
  show();
  document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
  window.addEventListener("hashchange", openTarget);
  openTarget();
  document.body.dataset.ready = "true";
}

begin().catch((error) => {
  document.getElementById("about").replaceChildren(make("p", { class: "fault" }, `The page cannot be made: ${error.message}.`));
});
