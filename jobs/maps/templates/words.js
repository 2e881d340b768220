/* Words for what is seen: times, states, berths, vessels, visits. Text only, never markup. */

const STATE_WORDS = {
  clear: "clear: every berth seen whole",
  partly: "partly clear: some berths seen, or in part",
  clouded: "clouded: no berth can be judged",
  outside: "outside: the berths lie beyond the swath",
};
const SHORT_STATE = {clear: "clear", partly: "partly clear", clouded: "clouded", outside: "outside"};
const LOOK_WORDS = {clear: "seen whole", partly: "seen in part", clouded: "under cloud", outside: "outside the swath"};

function utc(seconds, withSeconds = false) {
  const text = new Date(seconds * 1000).toISOString();
  return text.slice(0, withSeconds ? 19 : 16).replace("T", " ");
}

function count(number, noun) { return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`; }

function percent(share) { return `${Math.round(100 * share)} %`; }

function shortState(look) {
  const state = look.state === null ? "no berths" : SHORT_STATE[look.state];
  const screened = look.screened === false ? `${state}, not screened for cloud` : state;
  return look.reviewed ? `${screened}, reviewed` : screened;
}

function lookLine(look) {
  const found = look.vessels.filter(vessel => vessel.kind === "ship").length;
  return `${utc(look.time)} UTC · ${shortState(look)} · ${count(found, "vessel")}${look.picture ? "" : " · no picture"}`;
}

function stateSentence(look) {
  if (look.state === null) return "This port has no berths: vessels only.";
  const several = look.berths.length > 1;
  const words = several ? STATE_WORDS[look.state] : `${SHORT_STATE[look.state]}: the berth is ${LOOK_WORDS[look.berths[0].look]}`;
  const sentence = words[0].toUpperCase() + words.slice(1) + ".";
  const screened = look.screened === false ? `${sentence} Nothing told cloud from clear: not screened.` : sentence;
  return look.reviewed ? `${screened} A reviewer checked the whole look.` : screened;
}

function berthSentence(moment) {
  const seen = moment.look === "outside" ? LOOK_WORDS.outside : `${percent(moment.clear)} of it clear`;
  if (moment.state === "occupied") return `${count(moment.ships, "ship")} found; ${seen}`;
  return moment.state === "empty" ? `no ship, ${seen}` : `no ship found, but ${seen}`;
}

function metres(value, sd, decimals = 0) {
  if (value === null) return "unknown";
  return sd === null ? `${value.toFixed(decimals)} m` : `${value.toFixed(decimals)} ± ${sd.toFixed(decimals)} m`;
}

function vesselTitle(vessel) {
  return `${metres(vessel.length, vessel.sd)}, ${scoreWords(vessel, 2)}`;
}

/* A hull drawn by hand has no score of the network. */
function scoreWords(vessel, decimals) { return vessel.score === null ? "no score" : `score ${vessel.score.toFixed(decimals)}`; }

function berthName(port, number) { return number === null ? "at no berth" : `${number + 1} ${port.berths[number].name}`; }

/* Lines of [strong, text, class]. */
function paragraphs(lines) {
  const box = document.createElement("div");
  for (const [strong, text, style] of lines) {
    const line = Object.assign(document.createElement("p"), {className: style || ""});
    if (strong) line.append(Object.assign(document.createElement("strong"), {textContent: strong}), " ");
    line.append(text);
    box.append(line);
  }
  return box;
}

function vesselWords(port, vessel, look) {
  const visit = port.visits.find(each => each.id === vessel.visit);
  const lines = [[`${metres(vessel.length, vessel.sd)}`, `long, ${scoreWords(vessel, 3)}`]];
  if (vessel.cut) lines.push(["", "The length is a lower bound: cut by cloud or the edge."]);
  if (vessel.kind === "fixed") lines.push(["Taken for fixed structure:", `the port’s own background looks like a hull here${vessel.seen ? `, and the same is seen in ${vessel.seen[0]} of ${vessel.seen[1]} clear looks` : ""}. Inferred; counted nowhere. If it is a ship, say so in the review.`]);
  if (vessel.review) lines.push(["Reviewers:", reviewWords(vessel)]);
  const heading = vessel.heading === null ? "unknown" : `${vessel.heading}° or ${(vessel.heading + 180) % 360}°`;
  lines.push(["", `${vessel.beam === null ? "Beam not measured" : `Beam ${metres(vessel.beam, null)}`}, heading ${heading}`]);
  lines.push(["", vessel.berth === null ? "At no berth" : `At ${berthName(port, vessel.berth)}`]);
  if (visit) lines.push(["Visit:", visitSentence(visit)]);
  lines.push(["", `${utc(look.time, true)} UTC`, "id"], ["", vessel.id, "id"]);
  if (visit) lines.push(["", visit.id, "id"]);
  return paragraphs(lines);
}

const REVIEWS = {ship: "a ship", not_ship: "no ship", structure: "fixed structure", duplicate: "found twice, the other one counts", drawn: "a ship that the network did not report, drawn by hand"};

function reviewWords(vessel) {
  const hull = vessel.drawn ? `; the hull shown is theirs, ${metres(vessel.drawn[0], null)} by ${metres(vessel.drawn[1], null)}` : "";
  return `${REVIEWS[vessel.review] || vessel.review}${hull}${vessel.kind === "ship" ? "" : "; counted nowhere"}`;
}

function berthWords(port, number, moment) {
  const berth = port.berths[number];
  const holds = berth.capacity === null ? "any number of ships" : count(berth.capacity, "ship");
  return paragraphs([
    [`${number + 1} ${berth.name}`, `(${berth.kind}, holds ${holds})`],
    [moment.state[0].toUpperCase() + moment.state.slice(1) + ":", berthSentence(moment)],
    ["", berth.id, "id"],
  ]);
}

function visitSentence(visit) {
  const came = visit.arrival_after === null ? "came any time before" : `came between ${utc(visit.arrival_after)} and`;
  const left = visit.departure_before === null ? "left any time after it" : `left by ${utc(visit.departure_before)}`;
  const last = visit.departure_after === visit.arrival_before ? "" : `, last seen ${utc(visit.departure_after)}`;
  const sure = visit.probability === null ? `score ${visit.confidence.toFixed(2)}` : `probability ${visit.probability.toFixed(2)}`;
  return `${came} ${utc(visit.arrival_before)}${last}, ${left}; ${metres(visit.length, visit.sd)}, in ${count(visit.looks, "look")}, ${sure}`;
}

function degrees({lat, lon}) {
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}`;
}
