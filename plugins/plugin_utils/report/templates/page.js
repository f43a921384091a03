// Copyright (c) 2026, labops.cloudresearch contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the page is made of, and how elements are built. page.py joins this and the other scripts to one. Text reaches the
// page through textContent only, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent);
// As in packing.py: [0, ...] is a list, [number, ...] an object with the names of that number.
const unpack = ({ names, value }) => {
  const unpacked = (each) => {
    if (!Array.isArray(each)) return each;
    const [number, ...values] = each;
    return number === 0 ? values.map(unpacked)
      : Object.fromEntries(values.map((item, at) => [names[number - 1][at], unpacked(item)]));
  };
  return unpacked(value);
};
const report = unpack(read("report-data"));
const words = read("report-words");
const labs = report.labs;
const LABS_A_PAGE = 100;
const TODOS_A_PAGE = 24;
const SEVERITIES = Object.keys(words.severities);
const STATES = Object.keys(words.states);

document.documentElement.classList.add("js");

// Building elements

const make = (tag, className, ...children) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
};
const isolated = (text) => make("bdi", "", text);
const tag = (word, tone) => make("span", `tag tag-${tone}`, make("span", `mark mark-${tone}`), word);
const day = (iso) => (iso ? `${new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
}).format(new Date(iso))}` : "");

const moment = (iso) => (iso ? `${day(iso)}, ${iso.slice(11, 16)} UTC` : "");
