package generate

import "strings"

// shelf is a category of products, with their names, materials, uses and range of prices.
type shelf struct {
	code      string // prefix of the SKUs
	category  string // slug
	nouns     []string
	materials []string
	uses      []string
	cheapest  int64 // whole units of the currency
	dearest   int64
}

var shelves = []shelf{
	{"KIT", "kitchen",
		list("Serving Board, Mixing Bowl, Mug, Teapot, Casserole, Cutting Board, Salad Bowl, Spice Jar, Cake Stand, Rolling Pin, Ladle, Colander, Kettle, Butter Dish, Egg Cup, Pie Dish, Measuring Jug, Bread Bin, Coffee Press, Pepper Mill"),
		list("Oak, Beech, Stoneware, Enamel, Porcelain, Glass, Steel, Copper, Bamboo, Olive Wood"),
		list("Holds enough for a table of six.|Goes from the oven to the table.|Feels right in the hand and pours without a drip.|Stacks, so that it takes little room in the cupboard."), 4, 180},
	{"HOM", "home-decor",
		list("Picture Frame, Vase, Wall Clock, Mirror, Candle Holder, Lantern, Door Stop, Wall Hook, Garland, Trinket Box, Figurine, Wreath, Book End, Photo Album, Wall Shelf, Bell, Centrepiece, Paperweight, Banner, Tray"),
		list("Brass, Linen, Ceramic, Walnut, Glass, Iron, Felt, Plaster, Marble, Rattan"),
		list("Looks as well on a shelf as on a wall.|Brings light into a dark corner.|Turns a sill into something to look at.|Comes with all that is needed to hang it."), 5, 240},
	{"LIG", "lighting",
		list("Table Lamp, Floor Lamp, Pendant Light, Reading Light, Night Light, String Lights, Lamp Shade, Wall Light, Desk Lamp, Ceiling Light, Spot Light, Lantern Stand"),
		list("Brass, Paper, Opal Glass, Steel, Linen, Concrete, Bamboo, Copper, Ash"),
		list("Gives a warm light that can be dimmed.|Reads well from the armchair and leaves the room in the dark.|Takes common bulbs.|Swings to where it is wanted and stays there."), 12, 420},
	{"FUR", "furniture",
		list("Chair, Stool, Side Table, Bookcase, Bench, Coat Rack, Desk, Bed Frame, Chest of Drawers, Coffee Table, Armchair, Shoe Rack, Console, Sideboard, Folding Table, Bar Stool"),
		list("Oak, Walnut, Pine, Ash, Steel, Rattan, Velvet, Birch, Teak"),
		list("Stands firm on an uneven floor.|Goes together without a tool in ten minutes.|Carries more than it looks like.|Fits under a sloping roof."), 35, 2400},
	{"GAR", "garden",
		list("Watering Can, Planter, Trowel, Bird House, Bird Feeder, Hose Reel, Plant Label, Garden Chair, Parasol, Seed Tray, Pruning Shears, Trellis, Fire Bowl, Wheelbarrow, Hanging Basket, Rain Gauge, Wind Chime, Kneeler"),
		list("Zinc, Terracotta, Teak, Cedar, Steel, Willow, Recycled Plastic, Stone, Canvas"),
		list("Stays outside in winter.|Keeps an even balance when it is full.|Makes room for herbs on the smallest balcony.|Is as good for beginners as for old hands."), 4, 360},
	{"TOY", "toys",
		list("Building Blocks, Puzzle, Train Set, Doll, Kite, Spinning Top, Board Game, Memory Game, Rocking Horse, Toy Boat, Stacking Rings, Marble Run, Finger Puppet, Skipping Rope, Play Kitchen, Toy Car, Yo-Yo, Abacus"),
		list("Beech, Maple, Cotton, Wool, Cork, Tin, Felt, Cardboard, Birch"),
		list("Keeps small hands busy for an afternoon.|Has no small parts and no sharp edges.|Grows along, from the first grip to the first rules.|Is played by two to five."), 4, 160},
	{"STA", "stationery",
		list("Notebook, Fountain Pen, Pencil Case, Greeting Card, Gift Wrap, Desk Pad, Calendar, Address Book, Letter Opener, Ink Bottle, Ruler, Stamp Set, Sketchbook, Envelope Set, Paper Knife, Clipboard"),
		list("Paper, Leather, Cork, Brass, Linen, Kraft Board, Cotton, Walnut"),
		list("Lies flat when it is open.|Takes ink without bleeding.|Fits a coat pocket.|Makes a letter worth keeping."), 2, 95},
	{"BAT", "bath",
		list("Soap Dish, Towel, Bath Mat, Toothbrush Holder, Laundry Basket, Shower Curtain, Bath Tray, Wash Cloth, Robe, Mirror Cabinet, Sponge, Soap Dispenser"),
		list("Cotton, Linen, Bamboo, Stoneware, Teak, Waffle Cotton, Marble, Hemp"),
		list("Dries quickly and stays soft.|Does not mind a wet floor.|Takes the steam of a long shower.|Washes at sixty degrees."), 4, 140},
	{"TEX", "textiles",
		list("Cushion, Blanket, Throw, Table Cloth, Napkin Set, Curtain, Rug, Quilt, Pillow Case, Apron, Tea Towel, Bed Linen, Pot Holder, Table Runner, Hot Water Bottle Cover"),
		list("Cotton, Linen, Wool, Alpaca, Velvet, Jute, Hemp, Mohair, Silk, Fleece"),
		list("Is softer after every wash.|Warms without weight.|Was woven tight, to last.|Lies smooth without ironing."), 6, 480},
	{"OUT", "outdoor",
		list("Picnic Basket, Water Bottle, Hammock, Camping Mug, Lunch Box, Tent, Sleeping Mat, Head Torch, Cool Bag, Walking Stick, Folding Chair, Fire Steel, Flask, Rain Cape, Compass, Dry Bag"),
		list("Steel, Canvas, Aluminium, Willow, Nylon, Titanium, Waxed Cotton, Hemp"),
		list("Packs to the size of a loaf.|Keeps cold for a day and hot for half of one.|Weighs less than what it holds.|Has seen rain, and does not mind."), 8, 650},
	{"BAG", "bags",
		list("Backpack, Tote Bag, Shoulder Bag, Wash Bag, Satchel, Purse, Wallet, Weekend Bag, Shopper, Belt Bag, Laptop Sleeve, Card Holder, Gym Bag, Pouch"),
		list("Leather, Canvas, Felt, Cotton, Waxed Cotton, Cork, Nylon, Jute"),
		list("Has a pocket for everything that gets lost.|Carries well on one shoulder or two.|Closes with one hand.|Takes a laptop and a day's shopping."), 7, 520},
	{"PET", "pets",
		list("Dog Bed, Cat Tree, Food Bowl, Lead, Collar, Scratching Post, Chew Toy, Cat Tunnel, Pet Blanket, Treat Jar, Bird Perch, Travel Bowl, Grooming Brush"),
		list("Leather, Cotton, Felt, Stoneware, Steel, Sisal, Wool, Willow, Hemp"),
		list("Takes a bite and a scratch.|Comes clean with a wet cloth.|Does not slide over the floor.|Suits the small and the large."), 4, 210},
}

var (
	adjectives = list(`Handmade, Classic, Modern, Rustic, Vintage, Compact, Foldable, Sturdy, Light, Large, Small, Slim, Round,
		Square, Striped, Plain, Patterned, Woven, Polished, Brushed, Matte, Glossy, Durable, Soft, Heavy, Portable, Natural,
		Painted, Carved, Quilted, Embroidered, Engraved, Hammered, Glazed, Washed, Ribbed, Curved, Tall, Low, Deep`)
	colors = list(`White, Black, Grey, Cream, Sand, Navy, Sky Blue, Forest Green, Sage, Mustard, Terracotta, Red, Burgundy, Rose,
		Lilac, Plum, Teal, Charcoal`)
	styles = list("Country, Nordic, Industrial, Coastal, Retro, Minimal, Festive, Botanical")
	sizes  = list("XS, S, M, L, XL")

	cares    = list("Wipe it with a damp cloth.|Wash it by hand.|Goes into the dishwasher or the machine.|Needs no care but a brush now and then.|Oil it once a year.")
	packings = list("Comes in a gift box.|Comes flat and without plastic.|Comes in recycled cardboard.|Comes with a card that tells how to use it.|Comes in a cotton bag.")

	// The names of series are compounds of these words, which occur nowhere else.
	seriesFirst = strings.Fields(`fern stone river amber north willow silver meadow cedar harbour winter clover juniper copper heather
		linden marble orchard pebble raven saffron thistle velvet walnut aspen birch coral dune ember frost glen hazel iris jade kelp
		larch maple nettle opal pine quartz reed sorrel tide umber vale wren yarrow zephyr alder bramble cobalt drift elder flint`)
	seriesLast = strings.Fields(`brook vale field wood haven ridge water light crest ford hill shore moor gate hollow mere bank cliff
		stead march grove leaf down spring bay peak path thorn fall heath rise land dale bough bloom barn mill lock weir cross`)
)

// commonSentence is in half of the descriptions.
const commonSentence = "Designed for everyday use and built to last for years."

// list splits lists of sentences at bars, and other lists at commas.
func list(text string) []string {
	separator := ","
	if strings.Contains(text, "|") || strings.HasSuffix(text, ".") {
		separator = "|"
	}
	words := strings.Split(text, separator)
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

// title capitalizes a word.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// slugOf returns the form of words in categories and attributes.
func slugOf(text string) string { return strings.ReplaceAll(strings.ToLower(text), " ", "-") }

// article returns the indefinite article of a word, capitalized.
func article(word string) string {
	if strings.ContainsRune("AEIOU", rune(word[0])) {
		return "An"
	}
	return "A"
}

// opinions are the texts of reviews. Good ones are more frequent, as in real shops.
var opinions = func() []opinion {
	best := opinion{5, list("Exactly as described.|Better than I had hoped for.|Use it every day.|Bought a second one as a present.")}
	good := opinion{4, list("Good, though smaller than I thought.|Does what it should.|Nice colour, a little darker than the picture.|Well packed and quickly here.")}
	fair := opinion{3, list("All right for the price.|The colour is not what I expected.|Works, but feels light.")}
	poor := opinion{2, list("Arrived with a scratch.|Too small for what I need.")}
	worst := opinion{1, list("Broke in the first week.|Not what was in the picture.")}
	return []opinion{best, best, best, best, best, good, good, good, fair, fair, poor, worst}
}()

type opinion struct {
	rating int64
	texts  []string
}

// The texts of posts. Praises take the name of a product, and remarks what one is made of and its kind.
var (
	praises = list("Could not resist: %s.|The %s is here, and it is lovely.|Anybody else who has the %s?|Day three with the %s, and still happy.|Gave this one to my sister: %s.|If you look for something good, take the %s.")
	remarks = list("Found a %s at the market today.|Is there a good %s for less?|My %s is ten years old, and as good as new.|Thinking about a new %s.|Repaired the %s at last.|Who has a tip for a %s that lasts?|A %s on a Sunday morning, what more does one need?|Moved the %s to the window, much better.|Made a %s by hand, it took all weekend.|Gave away the old %s. Free shelves!")
	answers = list("That is a nice one.|Where did you find it?|I have the same, and like it.|Not for me, but it looks good on yours.|Thank you for the tip!|How long did it take?|Mine broke after a year.|I would take the larger one.|Does it come in another colour?|Could not agree more.")
)
