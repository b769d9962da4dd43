/** The invented people of `npm run sample`: who they are, and the kinds of stories that companies' sites see. */

export const NAMES = `Ines Halvorsen, Rosa Lind, Marcus Oyelaran, Jonas Ek, Priya Raman, Gwen Alcott, Tariq Benali,
Tomasz Wrona, Lena Fischbach, Owen Castellan, Mirela Dobos, Hugo Lindqvist, Aisha Karimi, Petra Novotna,
Caleb Stroud, Noor Haddad, Elise Marchetti, Dmitri Valen, Sofia Arnesen, Kwame Asante, Judith Brandt, Rafael Pinto,
Hanne Vik, Leo Marsden, Carmen Ibarra, Felix Auerbach, Yuki Tanabe, Bram Kuiper, Olga Serova, Ned Hallam,
Dora Lindt, Silas Moor, Vera Quint, Emil Thorsby, Naomi Feld, Piotr Zalewski, Greta Olin, Samir Qadri`.split(/,\s+/);

export const COMPANIES = `Tarn Valley Grocers, Marlowgate, Northgate Cold Storage, Fjordline 3PL, Kestrel Foods,
Belmont Paper, Harrow & Pike, Osterby Freight, Quayside Imports, Lumen Packaging, Bracken Dairy, Vantor Steel,
Eastmoor Tiles, Pinefold Furniture, Cobalt Parts, Sable Textiles, Greyfen Logistics, Amberley Wines, Redmill Bakeries,
Holt Pharma`.split(/,\s+/);

export const TEMPERATURES = ["cold", "warm", "hot"] as const;

/** Where people come from; the search twice, for most do. */
export const SOURCES = [
  { referrer: "https://www.google.com/" },
  { referrer: "https://www.google.com/" },
  { referrer: "https://www.google.com/", campaign: { source: "google", medium: "cpc", name: "dock-delays" } },
  { referrer: "https://www.linkedin.com/", campaign: { source: "linkedin", medium: "social", name: "launch" } },
  { referrer: "https://yard-news.example/" },
  { referrer: "" },
] as const;

type Range = [least: number, most: number];

/** A kind of story. Days are days ago. */
export interface Story {
  leads: number;
  visits: Range;
  /** Of the first visit and of the last. */
  from: Range;
  to: Range;
  /** How many pages a visit has, which one comes first, and which then. */
  pages: Range;
  landing: string;
  paths: [string, ...string[]];
  /** The chance that somebody clicks on what a page offers. */
  clicks: number;
  /** How hot they get: 0, 1, 2. */
  heat: number;
  /** What is filled in at the end of the first visit and of the last; whoever fills in nothing stays unknown. */
  forms: [] | [first: string, last?: string];
  titles: [string, ...string[]];
  domain?: string;
  /** What sales said, so many days later each. */
  sales: [days: number, event: string, properties: Record<string, string>][];
}

const FEEDBACK = "Sales Feedback Given";
const OUTCOME = "Outcome Recorded";
const STATUS = "Lead Status Changed";
const PRODUCT: Story["paths"] = ["/product", "/product/doors", "/pricing", "/pricing", "/case-studies/tarn-valley"];
const BUYER: Story = {
  leads: 6,
  visits: [3, 6],
  from: [16, 40],
  to: [0, 4],
  pages: [2, 5],
  landing: "/product",
  paths: [...PRODUCT, "/resources"],
  clicks: 0.1,
  heat: 2,
  forms: ["webinar", "demo"],
  titles: ["Head of inbound", "Operations manager", "VP supply chain", "Chief operating officer", "Warehouse manager"],
  sales: [[1, FEEDBACK, { feedback: "qualified" }]],
};
const READER: Story = {
  ...BUYER,
  leads: 11,
  visits: [1, 3],
  from: [20, 80],
  to: [0, 18],
  pages: [1, 2],
  landing: "/blog/what-detention-really-costs",
  paths: ["/", "/blog/read-your-arrival-curve", "/blog/live-unload-or-drop-trailer", "/product"],
  clicks: 0.03,
  heat: 0,
  forms: [],
  sales: [],
};
const ASKER: Story = {
  ...READER,
  leads: 6,
  visits: [2, 4],
  from: [14, 50],
  to: [0, 12],
  pages: [2, 5],
  paths: PRODUCT,
  clicks: 0.08,
  heat: 1,
  forms: ["webinar"],
  titles: ["Site manager", "Logistics planner", "Head of transport", "Dock supervisor"],
};

export const STORIES: Story[] = [
  BUYER,
  ASKER,
  // Who does not look around for long.
  { ...ASKER, leads: 3, visits: [1, 2], from: [4, 9], to: [0, 3], forms: ["demo"] },
  { ...ASKER, leads: 2, visits: [1, 2], from: [4, 20], to: [0, 3], forms: ["contact"] },
  {
    ...BUYER,
    leads: 8,
    from: [60, 84],
    to: [9, 48],
    sales: [
      [1, FEEDBACK, { feedback: "qualified" }],
      [4, OUTCOME, { outcome: "won" }],
      [0, STATUS, { status: "customer" }],
    ],
  },
  { ...ASKER, leads: 3, from: [40, 70], to: [5, 30], sales: [[1, OUTCOME, { outcome: "converted" }]] },
  {
    ...BUYER,
    leads: 3,
    from: [50, 80],
    to: [10, 30],
    sales: [
      [2, FEEDBACK, { feedback: "unqualified" }],
      [3, OUTCOME, { outcome: "lost" }],
    ],
  },
  { ...BUYER, leads: 2, from: [40, 60], to: [6, 14], sales: [[2, FEEDBACK, { feedback: "notReady" }]] },
  // Gone cold.
  { ...ASKER, leads: 4, visits: [2, 3], from: [75, 88], to: [40, 66], titles: ["Purchasing assistant", "Planner"] },
  // A competitor.
  { ...ASKER, leads: 1, domain: "competitor.example", titles: ["Product manager"] },
  READER,
  // Who says nothing, and comes back for the prices.
  { ...READER, leads: 4, visits: [2, 4], pages: [2, 3], landing: "/pricing", paths: PRODUCT, heat: 1 },
  // Who wants a job.
  { ...READER, leads: 4, visits: [1, 2], landing: "/careers", paths: ["/careers", "/careers/engineer"], clicks: 0 },
];
