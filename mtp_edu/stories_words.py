# ruff: noqa: E501 (one way to tell it a line, however long)
"""What the stories say: names, words, openings and closes, threads and plots, as plain text for `stories.py`.

How to read it: "[one|two]" is a choice made anew each time; "{color}" is a word of the story at hand and stays the same to
its end ("{color2}" is a second, different one); {A} is the hero, {B} a friend, {E} a grown-up; {he} {him} {his} {himself}
are the hero's pronouns, {B.he} the friend's, {E.he} the grown-up's. A friend is a girl if the hero is a boy, and the other
way round, so that it is clear who "she" is. "a" becomes "an" by itself, and a sentence gets its capital by itself.
"""

# ---- Names. None of them is also a word, so that names can be masked or replaced.
GIRLS = """
Ada Agnes Alma Alice Amina Anya Asha Astrid Bea Bella Beth Carla Celia Chloe Clara Dalia Delia Dina Edith Elena Elsa Emma
Esme Esther Eva Fatima Fiona Flora Freya Gemma Greta Gwen Hana Heidi Helen Ida Ines Ingrid Isla Jana Jane Jenna Josie Julia
Kaya Keiko Kira Lara Laila Lena Lina Lola Lucia Lucy Luna Mabel Maeve Mara Maria Marta Maya Mei Mila Mina Mira Molly Nadia
Naomi Nell Nina Noor Nora Olga Paula Petra Priya Rania Rita Rosa Ruth Sadie Salma Sara Selma Sofia Stella Suki Tara Tessa
Thea Tilda Vera Wanda Yara Yuki Zara Zoe
""".split()
BOYS = """
Aaron Abel Adam Ahmed Alan Ali Amir Anton Arlo Arthur Ben Boris Bruno Caleb Carlos Cyrus Daniel Dario David Diego Dylan Eli
Elias Emil Enzo Eric Felix Finn Fred Gabriel George Goran Gus Hamid Hans Harry Hassan Henry Hugo Ian Ibrahim Igor Isaac
Ivan Jacob Jamal Jan Jasper Joel Jonas Jorge Jules Kai Karim Kenji Kofi Kurt Lars Leo Liam Louis Luca Luis Magnus Malik
Marco Mario Martin Mateo Max Milo Nico Nils Noah Omar Oscar Otto Owen Pablo Paul Pedro Peter Rafi Ravi Remy Ronan Samir
Samuel Simon Stefan Sven Taro Theo Tobias Tomas Victor Walter Yusuf Zack
""".split()
PETS = """
Bobo Bonzo Fifi Fritz Juno Kiki Koko Lumi Milou Mimi Momo Nemo Pluto Poco Rex Rollo Rufus Sisu Tinka Tuva Waldo Zuzu
""".split()

# ---- Words drawn once for a story: {color} is the same color wherever it comes back, {color2} is another one.
LISTS = """
color: red | yellow | blue | green | orange | purple | white | brown | pink | gray | silver | golden | violet | lilac | turquoise
house: a [small|little|tiny] [house|cottage] with a {color5} door | a [crooked|cozy|low] cottage | a [tall|narrow] house with a {color5} roof |
    a [snug|tidy|warm] little home | the [last|first|smallest] house | a house full of [clocks|books|plants|cousins] | a house with {number5} windows
village: Willowbrook | Pebble Bay | Thistle Hill | Nettlecombe | Oakwater | Larkfield | Foxley | Brambleton | Mossbridge |
    Candlewick | Maple Bend | Duckwell | Heatherby | Little Harbor | Marrowdale | Applegate | Saltmarsh | Windy Ridge |
    Copper Creek | Bellwood | Honeyford | Cloverdale | Stony Ford | Crowmoor | Elm Hollow
weekday: Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday
animal: rabbit | hedgehog | mouse | fox | squirrel | bear | badger | otter | mole | raccoon | beaver | hamster | panda
dish: pancakes | pea soup | apple pie | noodles | cheese dumplings | baked potatoes | plum cake | tomato soup |
    rice with raisins | corn bread | mushroom pie | cinnamon buns | carrot stew | lemon pudding | onion tart | fried bananas
landmark: at the edge of the village | close to the river | next to the mill | on a hill above the fields | by the station |
    at the end of a long lane | behind the school | across from the bakery | beside the old bridge | near the harbor |
    not far from the woods | above the market square | between two tall pines | at the foot of a mountain
nook: under the bed | behind the stove | in the laundry basket | on top of the cupboard | under the stairs | behind the door |
    in the toy box | beneath the sofa | inside the big boots | under the rug | behind the curtains | in the coat closet |
    in the bread bin | beside the coal bucket
junk: a dusty sock | an old button | a bread crumb | a sleepy spider | a broken pencil | a hairpin | a wooden spoon |
    half a cookie | a bent spoon | some string | a rusty key | a lonely puzzle piece | a blue feather | one marble
lost: cap | scarf | ball | whistle | mitten | notebook | toy boat | flute | ribbon | purse | toy train | spinning top | bell |
    toy rabbit | kite | drumstick | lantern | glove | watch | storybook
shop: the bakery | the post office | the shoemaker | the toy shop | the blacksmith | the flower stall | the library |
    the fish market | the barber | the candle maker | the clock shop | the dairy
fun: fly kites on the hill | swim in the lake | see the puppet show | play ball behind the school | slide down the haystacks |
    catch frogs at the stream | climb the big walnut tree | watch the circus tents go up | skip stones on the river |
    build a castle in the sand | ride the merry-go-round | look for crabs on the beach | roll hoops down the lane
tree: oak | elm | walnut tree | chestnut tree | apple tree | maple | cherry tree | linden
grocery: six eggs | a jar of honey | two lemons | a bag of flour | a pound of butter | three onions | a box of salt |
    a bunch of carrots | some cheese | a bottle of milk | four apples | a loaf of rye bread | a bag of rice | some mustard |
    a sack of beans | five potatoes | a ball of string | a bar of soap | some pepper | a basket of plums
number: two | three | four | five | six | seven | eight | nine | ten
prize: a tin full of buttons | a silver bell | a box of colored chalk | a bag of glass marbles | a tiny music box | a brass compass |
    a pair of wooden puppets | a little drum | a book of sea stories | a bag of toffee | a carved whistle | a set of paints
"""

# ---- The same with columns: {item} is the first column, {item.need} the second, on the same line.
TABLES = {
    "hobby": """
        hobby / evening
        draw / drew a picture of [everything|all that had happened|the best part], with {color3} [stars|clouds|flowers] around it
        sing / made up a [little|silly|long] song about it, [with five verses|and {E} joined in|and sang it at the window]
        paint / painted [it all|what had happened] in {color3} and {color4}, [and hung it up|on the back of an old map]
        count things / counted the [stars|lights|windows] [outside|{he} could see] and got as far as {number3}
        write letters / wrote a [long|short] letter about it to a cousin [far away|by the sea|in the mountains]
        bake / baked [{number4} small buns|a lopsided cake|ginger cookies] and [told {E} the story|thought about it all] over the bowl
        knit / knitted {number3} more rows of a {color3} scarf and [smiled|thought it over] [as|while] the needles clicked
        whistle / whistled [softly|a new tune] [in the bath|by the window|on the stairs] until the [moon|first star] came out
        make up stories / told the [whole tale|story] to {E}, and [only a dragon|only the pirates] had been added
        build towers / built a tower of {number4} blocks and [named it after|thought about] that day
        read / [opened a book|took out a book], but [thought|kept thinking] about {his} own adventure [instead|all the time]
        collect leaves / pressed a {color3} leaf [in a heavy book|between two pages] to remember it [all|by]
        """,
    "worn": """
        worn / a / ending
        hat / a / hung on its hook by the door
        raincoat / a / dripped [softly|quietly] on its hook
        scarf / a / lay folded on the chair
        apron / a / was [muddy|dusty], but nobody minded
        vest / a / had lost a button, but nobody minded
        boots / a pair of / stood side by side on the mat
        mittens / a pair of / lay drying by the stove
        backpack / a / leaned against the bed, [empty at last|ready for tomorrow]
        """,
    "keepsake": """
        keepsake / why
        smooth stone / it felt cool and calm
        brass button / it shone like a tiny sun
        chestnut / it was brown and round and friendly
        seashell / the sea whispered in it
        wooden bead / it smelled of pine
        glass marble / the whole sky fitted in it
        tin soldier / it never looked afraid
        copper coin / it was older than {E}
        goose feather / it weighed nothing at all
        """,
    "pet": """
        pet / follow / sleep
        cat / who [went wherever {he} went|sat on everything that was warm] / purred on {his} [knees|pillow|feet]
        kitten / who [chased every shoelace|was afraid of nothing but rain] / fell asleep in {his} [sleeve|lap|slipper]
        dog / who [trotted behind {him} all day|barked at every wheelbarrow] / laid a heavy head on {his} [feet|knee|blanket]
        puppy / who [chewed on every shoe|could never sit still] / snored [beside|across] {his} [slippers|bed]
        parrot / who [could say "Good morning"|rode on {his} shoulder] / tucked its head [under a wing|into its feathers]
        tortoise / who [was older than the house|was never in a hurry] / pulled in its legs [and slept|for the night]
        goat / who [ate socks if nobody looked|wore a small bell] / chewed [slowly|happily] on [an old newspaper|a last bit of hay]
        """,
    "toy": """
        toy
        knitted elephant
        cloth bear
        wooden horse
        rag doll
        patched rabbit
        velvet owl
        woolen lamb
        corduroy crocodile
        stuffed whale
        """,
    "weather": """
        weather / ending
        foggy / the fog had [lifted|melted away], and [the first stars|a thin moon] could be seen
        windy / the wind had [gone to sleep|died down], and not a leaf moved
        cloudy / the clouds had [parted|drifted off], and the [sky turned pink|sun said good night in gold]
        sunny / the sun [sank|slipped] behind the [hills|roofs], as round as [an orange|a plate]
        chilly / it was [cold|colder still] outside, but [warm|snug] by the stove
        warm / [it|the air] was still so warm that [the windows stayed open|crickets sang everywhere]
        breezy / the breeze [rocked|tapped at] the [shutters|gate] as if it [wanted to hear the story|were saying good night]
        """,
    "plan": """
        plan / pack / inside / fun
        have a picnic in the meadow / sandwiches, plums and a blanket / we can have the picnic on the kitchen floor / They spread the blanket under the table, ate every sandwich, and threw plum stones into a pot
        camp by the lake / a tent, a lamp and a bag of nuts / we can pitch the tent in the hall / They hung the tent from two chairs, lit the lamp, and told stories about bears
        act a play in the garden / two crowns, a sword and a cloak / the stairs can be the stage / They played kings and robbers up and down the stairs until the crowns fell off
        hold a race around the pond / flags, a whistle and a paper medal / the snails could race instead / They set four snails on the table, waved the flags, and the slowest one won the medal
        look for treasure on the beach / a map, a spade and a big bag / there is treasure in the attic as well / They climbed up with the map and the spade and dug in old trunks for hats and letters
        paint the view from the hill / paper, brushes and ten pots of paint / we can paint the view we remember / They painted the hill from memory, with more cows than there had ever been
        go fishing at the river / two rods, a net and some bread / we can fish from the sofa / They sat on the sofa with their rods and caught three slippers and a hat
        sail to the island / a flag, a compass and ginger cookies / the big bed could be a ship / They tied the flag to the bedpost and sailed around the world before lunch
        have a concert under the oak / a drum, two flutes and a song book / pots and pans sound best indoors / They played every pot in the kitchen, first softly and then not softly at all
        """,
    "item": """
        item / need
        honey jar / something to keep jam in
        ball of wool / something to knit a hat from
        wooden spoon / something to stir the soup with
        bag of nails / something to mend the fence with
        long rope / something to tie up a boat
        basket of pears / something sweet for the guests
        candle / some light for the dark cellar
        straw hat / some shade for a bald head
        brass bell / something for the goat to wear
        sharp pencil / something to write a letter with
        feather pillow / something soft to sit on
        bucket / something to carry water in
        broom / something to sweep the steps with
        blanket / something warm for old knees
        pair of scissors / something to cut the roses with
        teapot / something to make tea in
        """,
    "trader": """
        trader
        the baker
        the fisherman
        the tailor
        the gardener
        the shoemaker
        the beekeeper
        the miller
        the shepherd
        the carpenter
        the potter
        the teacher
        the ferryman
        """,
    "spot": """
        spot / riddle
        under the third step of the mill / Count to three where the grain goes round
        inside the hollow oak / Look into the oldest tree, which has no heart
        behind the church bell / Go up to the one who sings with an iron tongue
        under the rowing boat / Find the wooden fish that sleeps upside down
        below the scarecrow's hat / Ask the straw man, who never blinks
        in the empty bird house / Visit the small house that has no stairs
        behind the waterfall / Walk through the curtain that is never dry
        under the stone bridge / Look where feet walk above and fish swim below
        beside the old well / Go and see the deepest cup in the village
        in the beehive with no bees / Seek the house where honey used to live
        between the roots of the willow / Find the tree that always washes its hair
        on the ledge of the clock tower / Climb to the round face with two hands
        in the old wheelbarrow / Look into the bed that walks on one wheel
        under the post office bench / Sit down where all the letters start to travel
        """,
}

# ---- Phrases drawn anew each time.
PHRASES = """
young: small | little | young | cheerful | quiet | curious | lively | friendly | bright-eyed | gentle | merry | sleepy-eyed
glad: glad | happy | pleased | delighted | cheerful | proud and happy
warm_heart: {his} heart felt [light|warm] | a warm feeling spread through {him} | {he} could have [danced|sung|hugged the whole world]
    | {he} felt [taller|lighter] than before | {he} [smiled|grinned] from ear to ear | everything inside {him} [hummed|sang]
sank: {his} heart sank | {his} [eyes|cheeks] [stung|burned] | {he} felt a lump in {his} throat | {his} stomach felt [cold|hollow]
    | {he} went quite pale | {he} could [hardly|barely] breathe
evenings: that evening | before bed | after supper | when evening came
nights: that night | at bedtime | when the lamp was out
later_evenings: the next evening | one evening soon after | a day later, in the evening
later_nights: the next night | one night soon after | the night after that
start: one day | one morning | one afternoon | one fine day | early one morning | one day after lunch | on a quiet Sunday |
    one bright morning | one Saturday morning | on a day without school | one day before lunch
weekday_start: one {weekday} | one {weekday} morning | one {weekday} afternoon | early one {weekday} | on a {weekday} like any other
weather_start: one {weather} day | one {weather} morning | on a {weather} afternoon | early one {weather} morning
one_day2: one morning | one evening | on a Sunday | one day | early one morning
one_night: one night | late one evening | one dark night | in the middle of the night
introduction_of: {his} friend {B.name} | {his} best friend {B.name} | {his} [neighbor|cousin] {B.name}
introduction: {his} friend {B.name} | {his} best friend {B.name} | {his} [neighbor|cousin] {B.name} | {B.name}, {his} [good|old|dear] friend, |
    {B.name}, who lived [next door|across the lane|two houses away|around the corner],
soon: soon | before long | in no time | a little later | [a few|ten] minutes later
"""

# ---- Words that may stand for each other anywhere, when another word follows. They also make short forms: "did not", "didn't".
SWAPS = """
did not | didn't
do not | don't
does not | doesn't
was not | wasn't
were not | weren't
could not | couldn't
would not | wouldn't
will not | won't
is not | isn't
cannot | can't
I will not | I won't
it is not | it isn't | it's not
that is not | that's not | that isn't
I am | I'm
I will | I'll
it is | it's
that is | that's
what is | what's
there is | there's
you are | you're
we are | we're
let us | let's
at once | right away | straight away
in the end | finally
everyone | everybody
no one | nobody
someone | somebody
until | till
began to | started to
perhaps | maybe
for a while | for a time
again and again | over and over | time and again
shouted | yelled
once more | one more time
went home | walked home
May I | Can I
Then he | And then he
Then she | And then she
Then they | And then they
So he | And so he
So she | And so she
So they | And so they
nearly | almost
a moment later | a second later
"""

# ---- Openings: the hero is named here, and nothing else is settled.
OPENINGS = """
Once upon a time, [there lived|there was] a {young} {kind} [named|called] {A}, and {his} home was {home}.
{A} was a {young} {kind} who lived in {home}.
In {home} lived a {young} {kind} [called|named] {A}.
[Long ago|Not so long ago|Some time ago], a {young} {kind} named {A} [lived|made {his} home] in {home}.
There was once a {kind} [called|named] {A}. {He} was {young} and {young}, and {he} lived in {home}.
[Everyone|Everybody|Every soul] in {village} knew {A}, the {young} {kind} from {house} {landmark}.
Do you know {village}? [There|In that place], in {house} {landmark}, lived a {kind} [called|named] {A}.
If you had [walked|passed|come] through {village}, you might have [met|seen] {A}, a {young} {kind} who lived in {house}.
This is the story of {A}, a {young} {kind}. {He} lived in {home}.
A {young} {kind} lived in {home}. {His} name was {A}.
[Far|Not far] from here [lies|is] {village}, and in {village} lived {A}, a {young} {kind}.
A {young} {kind} named {A} [had always lived|lived] in {home}, and [never wanted to live|did not wish to be] anywhere else.
"""
HOMES = """
{house} {landmark} in {village}
{house} in {village}
{house} {landmark}
"""

# ---- Threads: what the opening says comes back in the close. "day": not for plots that take longer than one day.
THREADS = """
== weekday (day weekday)
open: On {weekday}s, {E} [always|nearly always] made {dish}. | The best [day of all|day] was {weekday}, because {E} made {dish}.
    | Every {weekday} [they had|there had to be] {dish} for supper, for {E} [had said so|never forgot].
close: It was {weekday}, so [they had|there had to be] {dish} for supper, and {he} had [two|three] helpings. | And because it was {weekday},
    the [kitchen|whole house] smelled of {dish} [that evening|when {he} came in].
    | For supper {E} made {dish}, as on every {weekday}. Nothing had ever tasted [better|so good].

== hobby
open: {He} loved to {hobby}. | [More than anything|Most of all], {he} liked to {hobby}. | What {he} liked best was to {hobby}.
    | [Whenever|If] there was [time|a free hour], {he} would {hobby}. | {He} could {hobby} for hours.
close: {Evening}, {he} {hobby.evening}. | {Evening}, {A} {hobby.evening}.

== tree
open: Behind the house stood an old {tree}, and {he} told it [everything|all {his} secrets].
    | {He} had a secret place [high|up] in the old {tree} [behind the house|by the gate].
close: {Evening}, {he} told the old {tree} about it, and [its leaves rustled|the branches nodded in the wind].
    | {He} [climbed|went] up into the old {tree} [and watched the stars come out|and thought about it until {E} called].

== three things
open: Every evening {he} told {E} three things about the day. | "Tell me three things," {E} would say every evening, and {he} did.
close: {Evening}, {he} told {E} only one thing, because it was so long. | "And what are your three things?" asked {E} {evening}.
    {A} needed [ten|a great many|at least twelve].

== jar (late)
open: On {his} windowsill stood a jar, and for every good day {he} put a button [in it|into it].
    | {He} kept a jar of buttons: one [button for each|for every] good day.
close: {Night}, a {color2} button dropped into the jar. [Plink|Clink|Plop]! | [Plink|Clink|Plop] went a {color2} button in the jar of good days.

== worn (late)
open: {He} [always|nearly always] [wore|went about with] {worn.a} {color2} {worn} [that {E} had made|from {E}].
    | [Summer and winter|In any weather|Day after day], {he} was seen with {worn.a} {color2} {worn}.
    | {His} {color2} {worn}, [a gift|a present] from {E}, went with {him} everywhere.
close: {Night}, the {color2} {worn} {worn.ending}.
    | {A} yawned and went to bed, and the {color2} {worn} {worn.ending}.

== pet (people late)
open: {He} had a {pet} named {P}, {pet.follow}. | With {him} lived {P}, a {young} {pet} {pet.follow}.
    | {His} {pet} was [called|named] {P}. It was {P} {pet.follow}.
close: {Night}, {P} the {pet} {pet.sleep}. | And {P}? The {pet} {pet.sleep}[, and all was well|].

== keepsake (late)
open: {He} [always|nearly always] carried a {keepsake} in {his} bag, because {keepsake.why}.
    | In {his} bag [there was|{he} kept] a {keepsake}. {He} liked it because {keepsake.why}.
    | {His} [treasure|luckiest thing|dearest thing] was a {keepsake}: {keepsake.why}.
close: {Night}, {he} held the {keepsake} [tight|in the dark] and [smiled|thought of it all again].
    | {He} [took out|felt for] the {keepsake}, [turned it over|looked at it], and [slept well|fell asleep at once].

== toy (late)
open: {He} [never slept|could not sleep] without {P}, a {toy}. | On {his} [bed|pillow] sat {P}, a {toy} [with one ear|with kind eyes|].
    | {His} [oldest|quietest] friend was {P}, a {toy}, who [could keep secrets|listened to everything].
close: {Night}, {he} [whispered|told] the whole story to {P}, and the {toy} [seemed to smile|kept every word].
    | {P} the {toy} [heard|was told] all about it [under the blanket|in the dark]. Then they [both slept|went to sleep].

== weather (day weather late)
open: {He} liked [every kind of weather|all weather, even rain]. | {He} was [always|often] the first to [wake|open the shutters].
    | [In the morning|Each morning], {he} [would look|looked] out of the window [first|before anything else].
close: By [evening|bedtime|nightfall], {weather.ending}. | When {he} went to bed, {weather.ending}.
"""

# ---- Plots. First line: name (flags). Then the cases: column names, and rows of facts that belong together. Then the beats,
# one paragraph each: the lines with * are ways to tell it; with ? the whole beat may be left out.
# Flags: people (no animal heroes), weather (brings its own weather), long (takes more than one day).
PLOTS = """
== lost
did / hint / place
stopped at the pond to feed the ducks / fed the ducks / under the bench by the pond
climbed the apple tree to look at a nest / climbed the apple tree / in the fork of the apple tree
helped to carry flour at the mill / carried the flour / behind the flour sacks in the mill
picked blackberries along the wall / picked blackberries / among the blackberry bushes
sat in the library to look at maps / looked at the maps / under the long table in the library
rode a little way on the hay cart / rode on the hay cart / deep in the hay of the cart
brushed the gray pony in its stable / brushed the pony / in the straw beside the gray pony
crossed the river on the ferry / took the ferry / under the last seat of the ferry
played hide-and-seek in the barn / hid in the barn / behind the ladder in the barn
had a nap beneath the willow / slept beneath the willow / in the long grass under the willow

* {one_day}, {A} [set out|left the house] with {his} {color} {lost}. [On the way|Along the way] {he} {did}, and [then|after that] {he} [skipped|wandered|ran] home, [humming|hungry|a little tired].
* {one_day}, {A} [took|carried] {his} [new|best|dear old] {color} {lost} [wherever {he} went|all over {village}]. First {he} [visited|looked in at] {shop}. Then {he} {did}. It was [a fine|a busy|a good] day.
* "[I will be back soon|See you later|Good-bye for now]," {A} called to {E} {one_day}, and {he} [swung|waved] {his} {color} {lost}. {He} {did}, and [the time flew|the hours went by like minutes].
* {A} had a {color} {lost}, and {he} was [very proud of|quite in love with] it. {one_day}, {he} {did}, and [of course|as always] the {lost} [came along|was with {him}].

* At home {he} [reached|felt] for the {lost} and [it was not there|found nothing]. "Oh no," {he} [said|whispered]. "[Where can it be|Where is it|Who has seen it]?"
* [Later|An hour later|At tea time] {he} [looked around|stopped short]. The {color} {lost} was [gone|missing]! {Sank}.
* It was not until {he} [took off {his} shoes|sat down to eat|wanted to show it to {E}] that {he} [missed|thought of] the {lost}. [No matter where {he} felt|In every pocket], there was [no sign of it|only air]. {Sank}.
* Then {he} [noticed|saw] that {his} [hands|{hands}] were empty. "My {lost}!" {he} cried. "[I had it|It was here] [just now|a moment ago]!"

* {He} looked {nook}. {He} looked {nook2}. [All {he} found was|There was only] {junk}.
* First {he} searched {nook}, then {nook2}, [and last of all|and even] {nook3}, but {he} found [only|nothing but] {junk}.
* {A} [turned the house upside down|hunted high and low]. {nook} [there was|lay] {junk}, but no {lost}.
* "Perhaps it is {nook}," {he} thought, but [there was|{he} only found] {junk}. It was not {nook2} [either|and not {nook3}].

* {Friend} [came by|stopped at the gate]. "[Let us think|Think back]," said {B}. "What did you do [before that|all day]?" {A} [thought hard|closed {his} eyes]. "Well, I {hint}," {he} said. "[Then that is where we must look|Then let us look there]!"
* "Do not [cry|worry]," said {E}. "[Lost things wait where you left them|A lost thing waits where you left it]. Did you not [tell me|say] that you {hint}?" {A} [blinked|looked up]. "[Yes|So I did|That is true]!" {he} said, and [was out of the door|ran for {his} shoes].
* {Friend} [heard|had heard] {him} sigh. "I saw you when you {hint}," said {B}. "You [still had it|were holding the {lost}] then. [After that|When you left], you did not." {A} [jumped up|stared]. "[Come on|Quick|Show me]!" {he} cried.

* {He} ran [all the way|as fast as {he} could]. And there, {place}, [lay|was] something {color}. It was the {lost}!
* Back {he} [went|raced], and {he} looked [carefully|slowly and well] this time. The {lost} was {place}, [a bit dusty|a little damp|quite safe], [as {color} as ever|waiting for {him}].
* It did not take long. {place}, [something {color} peeped out|{he} saw something {color}]. "[There you are|I have you]!" said {A}, and {he} [hugged|kissed|dusted off] the {lost}.
* "[Here|Look]!" {he} [shouted|called]. The {color} {lost} lay {place}, [exactly where {he} had left it|just as the clue had said].

* After that, {he} [always looked back|looked back once] before {he} left a place.
* {A} [learned|found out] that day that thinking [finds more|is quicker] than running about.
* "[Next time|From now on], I will [think first and cry later|look behind me before I go]," said {A}, and {warm_heart}.
* {Warm_heart}. {He} [sewed|wrote] {his} name on the {lost} [that very day|at once], [just in case|so that it could find its way home].

== warning (weather)
warn / wish / deed / result / after
the ice on the pond is still thin / slide on the pond / [stepped out onto|walked onto|set foot on] the ice / [Crack! The ice broke|There was a loud crack], and [one leg sank into the|{he} stood up to the knee in] [freezing|icy] water / {He} [limped|hobbled|went] home with [a boot|one boot] full of water.
the soup is much too hot / taste the soup / took a big spoonful of soup / [It was like fire|It burned like fire], and {his} tongue [hurt terribly|turned red] / {He} could [not taste|taste] [anything|a thing] [until the next morning|for two whole days].
the goats will run if the gate is open / pet the goats / opened the gate and forgot to close it / [Out trotted all the goats|The goats trotted out], and they [ate|swallowed] [every cabbage|all the cabbages] in the garden / {He} [had to chase|chased] goats [here and there|up and down] until it was dark.
the paint on the garden bench is wet / rest on the garden bench / sat down on the bench / When {he} stood up, [there were|{he} had] {color} stripes [all over|across] {his} back / {He} [looked like|was] a {color} zebra for [the rest of|most of] the week.
the bees are cross today / peek into the beehive / lifted the lid of the hive / [Zzz|Buzz]! [A bee|One of them] [flew out|shot out] and stung {him} [right on the nose|on the tip of the nose] / {His} nose [grew|swelled up until it was] as [round|fat|big] as a [plum|radish].
the old ladder is broken / reach the ripest pears / climbed up the old ladder / The [third|fourth] step snapped, and {he} [fell|dropped|tumbled] into a [pile|heap] of [old|wet] leaves / {He} [had|went home with] a bruise on {his} knee and [leaves|a leaf] in [{his} ears|each ear].
it is going to rain / walk to the hill without a coat / left the coat at home / The sky [turned|grew] black, and the rain [came down in buckets|fell like a waterfall] / {He} came home [dripping|soaked], and [{he} sneezed|there was nothing but sneezing] for [two|three|four] days.
the river is strong after the storm / wade in the river / waded in up to the knees / The water [pulled off|took] {his} [left|right] shoe and [carried it away|ran off with it] / {He} had to [hop|jump] [all the way home|home] on one foot.
green plums make your belly ache / eat the green plums / ate [six|seven|nine] green plums, one after another / {His} belly began to [rumble and twist|hurt and groan] / {He} [spent the rest of the day|had to lie] in bed with [a cup|two cups] of [bitter|black] tea.
the glue on the toy boat is not dry / sail the toy boat / put the boat on the pond / [The mast|First the mast] fell off, then the [deck|sail], and [then|at last] the [boat|whole boat] was gone / {He} fished [five|six] wet [sticks|bits of wood] out of the [water|pond].
the rooster does not like visitors / collect the eggs alone / crept into the hen house / The rooster [flew up|came] with a [scream|shriek] and [chased {him}|drove {him}] [twice|three times] [around|across] the yard / [Not one egg|No egg] [was left|stayed] whole [in {his} basket|on the way].

* {one_day}, {A} wanted to {wish}. "[Please wait|Not today|Better not]," said {E}. "[Remember|You see], {warn}."
* "[Mind what I say|Be careful, dear|Listen to me]," said {E} {one_day}. "{Warn}." But {A} [wanted|had set {his} heart on it and longed] to {wish}.
* There was [one thing|only one thing] that {A} wanted {one_day}: to {wish}. {E} shook {E.his} head. "[No|Not yet]," {E.he} said, "[because|for] {warn}."
* "May I {wish}?" asked {A} {one_day}. "[I am afraid not|You had better not|Tomorrow, perhaps]," {E} [answered|said]. "You know that {warn}."

? "[Pooh|Bah|Oh]," thought {A}. "[What can happen|Grown-ups worry too much|I am big enough]." {He} [waited|counted to {number}] until {E} [was busy|looked away|had gone].
? {A} nodded. But the longer {he} [thought about it|waited], the more {he} [wanted it|wished for it]. "[Just a little|Just this once]," {he} [said to {himself}|thought].
? "[All right|Yes, yes]," said {A}, but {he} was [hardly|not really] listening. [Soon|A minute later] {E} went [out|upstairs|into the garden].
? {Friend} was [passing|there too]. "[I would not do it|You heard what {E} said|Let us play something else]," said {B}. {A} [did not answer|only shrugged].

* [All the same|Even so|A little later], {he} {deed}. [At first|For a moment] [all was well|nothing happened]. {result}! "[Ow|Oh no|Help]!" cried {A}.
* And {he} {deed}. [It was fun|How easy it was] for [a moment|a breath or two], and [then it was not|no longer]. {result}.
* {A} looked [left and right|over {his} shoulder], and then {he} {deed}. {result}. [Oh dear|What a mess|Poor {A}]!
* On tiptoe {he} [went|crept off], and {he} {deed}. "[See|There], nothing to it," {he} [thought|said]. [But then|Just then] it happened. {result}.

* {after} {E} [saw it all|saw {him}] and did not [scold|shout]. "[I think|It seems] the [lesson|day] was hard enough," {E.he} [said|told {him}], and [brought|fetched] a [towel|cookie|warm blanket].
* {after} "I [am sorry|should have listened]," {he} told {E} [with a red face|in tears]. "[You told me|You said it]: {warn}." {E} [took {him} in {E.his} arms|held {him} close].
* {after} "What did I [say|tell you]?" asked {E}[, but not unkindly| and sighed]. {A} looked at {his} toes. "That {warn}," {he} [mumbled|said very quietly].
* [What came of it|And the end of it]? {after} {He} [went|came] to {E} and [told everything|told the truth]. "[Thank you for telling me|I am glad you told me]," said {E}.

* From that day on, when {E} [gave a warning|said "Wait"], {A} [waited|listened with both ears].
* A warning is [like a lamp|a kind of gift], and {A} [never again threw one away|was careful with them ever after].
* The next time {E} said, "[Better not|Take care]," {A} [stopped|put {his} {hands} behind {his} back] and asked, "Why?" [Then {he} listened to the answer|And {he} believed the answer].
* "[Some things|There are things] you [can learn|learn] by listening," [thought|said] {A}, "and [some|others] by hurting. I [like|prefer] the first way."

== promise
duty / did / who / thanks
feed the hens / fed the hens[, every one,|] and [filled|cleaned] their [bowl|water bowl] / the baker / three warm eggs
water the beans / carried [six|eight|ten] [cans|pots] of water to the [beans|thirsty beans] / the gardener / a hatful of strawberries
walk the old dog / walked the old dog [around the pond|to the church and back], [slowly|step by step], because it [was stiff|had bad knees] / the shoemaker / a pair of new laces
bring back the ladder / [dragged|carried] the ladder [all the way up|up] the [lane|steep lane] / the roofer / a ride on the cart
shut the windows before the rain / shut [every window|the windows, one by one], just before [the first drops fell|it began to pour] / the teacher / a book with maps in it
wind up the big clock / [climbed|went up] the tower and [wound up|turned the key of] the clock / the clockmaker / a tiny wheel of brass
give the sick calf its milk / held the bottle [until|while] the calf [had drunk it all|drank, down to the last drop] / the farmer / the right to name the calf
light the lamp at the jetty / lit the lamp, and [out on the water|far out] a [boat|sail] turned [toward it|to the light] / the ferryman / a trip across the bay
stir the jam / stirred the [jam|hot jam] until [both arms ached|the spoon stood by itself] / the cook / the first jar of jam
sweep the stage / swept the [stage|whole stage] [from end to end|and the stairs as well] / the puppet master / a seat in the front row

* {one_day}, {who} had to go away. "Will you {duty} [this afternoon|for me]?" {who} asked. "[I promise|I will, I promise|You have my word]," said {A}.
* "I need somebody [I can trust|with a good memory]," said {who} {one_day}. "[Can|Could] you {duty} [today|while I am away]?" {A} [shook hands on it|promised].
* {A} had [made a promise|given {his} word]: {one_day}, {he} would {duty}, because {who} [could not be there|had hurt a foot|was away].
* {one_day}, {who} [stopped {A}|knocked at the door] and asked {him} to {duty}. "[You will not forget, will you|Can I count on you]?" said {who}. "[I promise|I give you my word]," said {A}.

* [But then|Just then|Not long after], {friend} came running. "[Come along|Hurry]!" {B.he} called. "We are all going to {fun}!"
* {Friend} [was waiting|stood] at the corner. "There you are!" said {B}. "[Let us {fun}!|Do you want to {fun}?]"
* On the way {he} met {friend}. "[Guess what|Listen]," said {B}. "We can {fun}, [but only now|if we go at once]!"
* It was [warm|a free day], and {friend} wanted to {fun}. "[Surely you will come too|You must come]," {B.he} said.

* {A} [wanted to go|would have loved that]. {He} [looked at the road|bit {his} lip|stood on one leg]. "[First I have to|I must] {duty}," {he} said. "I promised."
* How {he} [longed to|wished to] {fun}! "[It would only take an hour|Nobody would know]," said a [little|sly] voice inside. But [a promise|{his} word] was [a promise|{his} word]. "[Later|Go ahead]," {he} said.
* "I cannot [yet|come now]," said {A}, and it [was hard to say|hurt a little]. "Somebody is [counting|relying] on me." {B} [made a face|shrugged] and ran on.
* "[Can the promise not wait|Forget about that]," said {B}. {A} [thought of|remembered] the face of {who} and shook {his} head. "[No|I cannot]," {he} said. "[I gave my word|I said I would do it]."

* So {he} [went|set] off alone and {did}. [It took a long time|It was hard work], but {he} did not [hurry|skip anything].
* {He} {did}. [Far away|In the distance] {he} could hear [the others laugh|shouting and laughter], and [still {he} did it well|{he} sighed, but went on].
* {A} [rolled up {his} sleeves|set to work]. {He} {did}. When it was done, {he} [wiped {his} forehead|looked at it once more] and felt [calm|good] inside.
* Step by step, [without a word|whistling a bit], {he} did what {he} [had said|had promised]: {he} {did}.

* [In the evening|After some hours|At sunset], {who} [came back|returned] and [saw|found] that all was [well|done]. "[You kept your word|I knew it]," said {who}, and {A} was given {thanks}.
* {Who} came home [late|worried] and [looked|went to see]. "[All done|Everything is right]!" The [thanks|reward] for it: {thanks}, and {A} [blushed|did not know what to say].
* The next [morning|day], {who} stood at the door with {thanks}. "[This is|It is] for somebody who keeps [a promise|promises]," said {who}.

* And {B}? {B} had waited. "We can {fun} [tomorrow|now]," {B.he} said, "[together|and I will help you first, if you have another promise]."
* "[It was not so much fun|It was dull] without you," {B} said [later|that evening]. "[Next time|Another day] I will help you first." And so {B.he} did.
* A kept promise is [small|quiet], but it [makes friends|shines] for a long time.
* [There was still time|The sun was still up], and {A} and {B} went to {fun} [after all|until the stars came out]. It was [twice as good|much better] with a light heart.

== broken
thing / how / mend / now
vase / was dancing in the hall and bumped against the table / glued the pieces together / On Sunday it stood in the window again, with [tulips|dry grass] in it.
teapot / was juggling apples beside the shelf / stuck the handle and the spout back on / It poured a bit crooked after that, and every guest heard why.
picture frame / threw a ball in the parlor / cut a new frame from [cherry|pine] wood / The picture looked even better than before.
bowl / ran around the corner with a stick for a sword / filled the cracks with shiny paint / Now it had thin golden lines, like rivers on a map.
flower pot / swung a rope around and around / planted the fern in an old boot / The fern liked its boot and grew [three|four] new leaves.
clock / climbed up to move the hands / put the little wheels back, one by one / It ticked again, though it always struck thirteen at noon.
lamp / jumped from chair to chair / made a new shade out of paper / In the evening it threw [stars|tiny moons] on the wall.
fiddle / used it as a boat for the dolls / set a new bridge and two strings / That evening it sang again, a little hoarse.
umbrella / jumped off the wall with it / sewed the cloth back onto the ribs / In the next rain it leaked in only one place.

* {one_day}, {A} {how}. [Crash|Bang|Smash]! {E_own} {color} {thing} [fell|lay] on the floor, [broken|in pieces].
* {E} had a {color} {thing} and [loved it dearly|took great care of it]. {one_day}, {A} {how}, [and it happened|and then there was a crash]. The {thing} was [broken|in bits].
* "[Be careful in there|No wild games, please]," {E} had said. But {one_day}, {A} {how}, and [down|over] went the {color} {thing}. It [broke|did not survive].
* It was [very quiet|so still] in the house {one_day}, and {A} was bored. So {he} {how}. A [moment|second] later, the {color} {thing} was [no longer whole|broken].

* {A} stood [still as a post|like a stone]. {Sank}. Then {he} [gathered|swept up] the pieces and hid them {nook}.
* "[Nobody saw it|Nobody knows]," thought {A}. {He} [pushed|put] what was left of the {thing} {nook} and [went outside|sat down with a book].
* {He} [looked at the door|listened]. Nobody came. [Quickly|In great haste] {he} [wrapped everything in a towel|picked up each piece] and hid it {nook}.
* {Sank}. {friend} had heard the noise. "[Say it was the wind|Hide it]," {B} whispered, and [so|in the end] they hid it all {nook}.

* At tea time {he} could not eat. [Every bite|The bread] [stuck in {his} throat|tasted of dust]. "Are you [ill|not hungry]?" asked {E}. {A} shook {his} head.
* But [it did not help|hiding was no good]. Wherever {he} went, {he} [thought of|seemed to hear] the {thing} {nook}. [The secret|It] grew [heavier|bigger] with every hour.
* "Have you seen my {thing}?" asked {E} [later|soon after]. "No," said {A}, and the little word [burned|felt like a stone] in {his} mouth.
* "[Did the cat|Did the wind] do that?" asked {E}, who had found a [splinter|{color} bit] on the floor. {A} [said nothing|looked away] and felt [worse and worse|very small].

* At last {he} took a deep breath. "It was me," {he} said. "I {how}. I am [so|very] sorry." And {he} [showed {E}|brought out] what was hidden {nook}.
* [Before supper|When it grew dark], {he} [pulled {E} by the sleeve|knocked on {E_own} door]. "[There is something you must see|I have to show you something]," {he} [whispered|said], and [led the way|went ahead]. {nook} lay the truth. "I {how}," said {A}.
* Then {he} [could not bear it any longer|was tired of hiding it]. {He} [fetched|took] the pieces from where they were, {nook}, and [laid|put] them in front of {E}. "[I broke it|I did it]," {he} said. "And [I hid it|then I was afraid]."
* {A} [began to cry|burst into tears]. "I {how}, and I broke your {thing}, and [I hid it|it is] {nook}," {he} said [all in one breath|between two sobs].

* {E} was quiet for a while. "A {thing} [can be mended|is only a {thing}]," {E.he} said. "[I would rather have the truth|The truth is worth more to me] than ten of them." Together they {mend}.
* First {E} [shut {E.his} eyes|said nothing]. Then {E.he} [sat down|knelt] beside {him}. "[I liked that {thing}|It was an old friend, that {thing}]," {E.he} said, "[but I like you more|and you are an older one]. [What can we save|Let us see what we can do]." [It was late when|Before bed] they {mend}.
* "[That was brave|It is hard to say that]," said {E}. "[I am not angry|I am a bit sad, but not angry]. [Come|Fetch the tools], we will [try|see what we can do]." [All evening|Side by side] they {mend}.
* {E} [put an arm around {him}|sighed and then smiled]. "When I was [small|your age], I broke [a window|two plates|my mother's mirror]," {E.he} said. "[Help me now|Come and help]." And they {mend}.

* {now} [And {A} slept|That night {A} slept] without a stone in {his} heart.
* {now} It was not [quite as before|what it had been], but {A} liked it [so|that way]: it [told|kept] the truth.
* {now} [And|From then on] {A} never again [hid a mistake|kept that sort of secret] for longer than [a minute|it took to find {E}].
* {now} "The truth [is|feels] lighter than a secret," said {A}, and {E} [agreed|nodded].

== share
toy / alone / together
sled / It was too heavy to pull up the hill alone / [One pulled and one pushed|They pulled together], and [they flew down|down they flew] [ten|twenty] times
kite / It [dragged|bumped] along the ground, for [nobody held it up|there was nobody to hold it] / One [held it high|lifted it] and one ran, and [up it went|it rose], [over the roofs|as high as the swallows]
swing / It hardly moved, for nobody pushed / They took turns, and [whoever was pushed|each time the one on the swing] flew up to the [leaves|sky]
jump rope / One end lay on the ground, and it only flopped / They tied [one|an] end to [a gate|the gate], and [one turned while one jumped|took turns at turning and jumping]
wagon / It would not [roll|move] [without somebody to push|by itself] / One pushed and one steered, and [they rumbled|off they went], [all the way|] down the lane
seesaw / One end stayed on the ground, and [nothing happened|that was that] / [Up and down|Down and up] they went, until [they were both dizzy|both of them were dizzy]
rowing boat / With one oar it [only went|went] around in [circles|a ring] / With an oar each, they rowed [straight|right across] to the [little|bird] island
puzzle / There were [too many|hundreds of] pieces, and [all of them were|nearly all were] sky / One [looked for|sorted] edges and [one|the other] clouds, and [before long|an hour later] it was [done|finished]
ball / It rolled away[,|] and nobody [threw|rolled] it back / They threw it {number} times without dropping it
pair of walkie-talkies / There was nobody at the other end / One [hid|sat] in the attic and one in the cellar, and they [talked like sailors|told each other the news]
tent / One pole [always fell|kept falling] down while the other [went up|was put up] / With [two of them holding|four {hands}], it stood [in five minutes|before they had counted to a hundred]
drum and fiddle / It is hard to play both at once / One drummed and one fiddled, and [people leaned out of their windows|the street began to dance]

* {one_day}, {A} was given a {color} {toy}. {Friend} [came to look|saw it over the fence]. "[May I play too|Can we share it]?" asked {B}.
* {A} had a [new|wonderful] {toy}, {color} and [shiny|as good as new]. {one_day}, {friend} [stood at the gate|came to visit]. "[Could I have a turn|Can I try it]?" {B.he} asked.
* {one_day}, {E} [brought home|came home with] a {color} {toy}. "[It is for you|Have fun with it]," {E.he} told {A}. [Soon|At once] {friend} was there. "[Oh|How lovely]!" said {B}. "[Can we play with it|May I use it too]?"
* Nobody in {village} had a {toy} like that: {color}, [and brand-new|with a shiny stripe]. It was {A_own}. {one_day}, {friend} asked [softly|very politely], "May I [join in|play with you]?"

* "No," said {A}. "It is mine, [only mine|and you might break it]." {B} [went away|walked off] [without a word|with hanging head].
* {A} [pretended not to hear|looked the other way]. "[It is too good to be lent|It is brand-new]," {he} [muttered|said] at last. {B_own} [smile went out|face fell]. [Without another question|Slowly], {B.he} [closed the gate|was gone].
* {A} [held on to it|put both arms around it]. "[I want it for myself|Get your own]," {he} [said|snapped]. {B} [turned around|swallowed hard] and [left|went home].
* "[Maybe another day|Not now]," said {A}, who [meant|really meant] never. {B} [looked at the ground|nodded sadly] and went [home|to sit under a tree].

* So {A} [played|began] alone. {alone}. {He} [frowned|scratched {his} head] and tried again, [but it was no better|with no luck].
* [But what was this|Yet something was wrong]? {alone}. "[Silly thing|What a stupid {toy}]," {he} [grumbled|muttered].
* It [should have been|ought to have been] fun. {alone}. [After a while|Soon], {he} [sat down|stopped] and [looked at|kicked] a [pebble|stone].
* {alone}. "[Perhaps|Maybe] I am doing it wrong," {he} thought. {He} tried [for a long time|for an hour], and [it stayed dull|nothing changed].

? "[What is the matter|Why that long face]?" asked {E}. "It does not work," said {A}. {E} [smiled a little|raised an eyebrow]. "[How many does it take|Is it made for one]?" {E.he} asked.
? From the [garden|house] next door came no sound at all. {A} [remembered|thought of] how {B} had [lent {him} a coat in the rain|shared the last cookie with {him}|carried {his} bag when {he} was ill].
? {He} [saw|could see] {B} on the other side of the [fence|lane], [all alone|drawing in the dust]. {B.He} looked [just as bored|lonely]. {A} felt [ashamed|a sting].

* {He} [got up|took heart] and went to find {B}. "I [was mean|was selfish]," {he} said. "[I am sorry|Forgive me]. [Will you play with me?|Come and try it.]"
* Then {he} [ran|jumped] over to {B}, [as fast as {he} could|before {he} could think twice]. "[I have been a toad|That was ugly of me]," {he} [panted|said]. "[Half of it is yours|It needs two, and I need you]."
* "{B}!" {he} called. "[Please come back|Come over here]! It is no fun [alone|without you], and [I was wrong|I am sorry]."
* [Slowly|With red ears] {he} went over to {B}. "[Here|This is for both of us]," {he} [mumbled|said]. "You may [go|be] first."

* {B} [was not angry for long|forgave {him} at once]. {together}. [How they laughed|They shouted with joy]!
* {B} [thought for a second|tilted {B.his} head], and [held out a {hand}|nodded]. {together}. [Time flew|They forgot the time], and [nobody asked whose it was|neither wanted to stop].
* {B.His} face [lit up|shone]. {together}. "[Again|Once more]!" they [cried|called].
* And [now|suddenly] it [worked|was easy]. {together}. "[So that is how|Now I see how] it goes," {he} [laughed|said].

* A {toy} is [better|more fun] with two, [and so is nearly everything|as everyone knows].
* "[It is ours|From today it is ours]," said {A}. [That evening|Then] they [wrote|painted] both names on it[, in big letters|].
* That is how {A} [learned|found out] that some things [get bigger|grow] when you share them.
* {Warm_heart}. {B} [stayed for supper|came again the next day, and the next], and the {color} {toy} was [never alone again|never idle].

== changed plan (weather)
weather / sign / stop
rain / gray clouds [rolled|came] over the [hill|roofs] / it [rained|poured] so hard that the lane became a [brook|stream]
snow / [the sky was white|the clouds hung low], and [it smelled of snow|the air tasted of snow] / [big|heavy] flakes fell so [thick|fast] that [nobody could see the gate|the gate had vanished]
storm / the swallows [flew|came] low and [the|a] wind began to [howl|whistle] / the storm [bent|pulled at] the trees and [shook|rattled] the [shutters|roof]
hail / the sky turned a strange [yellow|green] / hail as big as [peas|cherries] [danced|drummed] on the [roof|window sill]
fog / a white wall crept in from the [river|fields] / the fog was so thick that [{A} could not see {his} own|nobody could see their] toes
thunder / far away, something [grumbled|rumbled] / lightning [flashed|lit up the room], and the [thunder|next clap] made the [cups|spoons] jump
heat / not a leaf [moved|stirred], and the [cat|neighbor's cat] lay [flat|like a rug] in the shade / it was so hot that even the crows were [silent|panting]

* {one_day}, {A} and {friend} wanted to {plan}. They packed {plan.pack}. [They had waited all week for it|{A} had hardly slept].
* "Today [we will|we are going to] {plan}!" {A} [sang|told everybody] {one_day}. {E} had helped to pack {plan.pack}, and {friend} [stood ready|was at the door].
* For [days|a week], {A} and {friend} had [talked of|dreamed of] one thing: to {plan}. {one_day}, the time had come. {plan.pack} lay [packed|ready] by the door.
* {one_day}, everything was ready: {plan.pack}. {A} had [asked|invited] {friend}, and they were going to {plan}.

* But {sign}. "[That looks bad|I do not like it]," said {E}. [And so it was|{E.He} was right]: {soon} {stop}.
* [Just as they tied their laces|With the first step], {A} [smelled|noticed] it. {sign}. "[Inside, quick|Back, back]!" {E} [called|cried]. And [not a minute too soon|indeed]: {stop}.
* "[Look|Oh, look]," said {B} [softly|at the window]. [Outside|For] {sign}. [Then|Before they had their shoes on], {stop}.
* They [were about to leave|had one foot out of the door]. Then they saw it: {sign}. [A moment|An hour] later, {stop}. Nobody could go out.

* {A} [threw|kicked] {his} shoes into a corner. "[It is not fair|Everything is ruined]," {he} [wailed|said]. {B} was [quiet|sad] too.
* "[Why today|Why us]?" asked {A}. [Nobody had an answer|{B} did not know]. They [sat on the stairs|stood in the hall] with [long faces|their coats on] and [listened|counted the minutes].
* {A} [pressed {his} nose to the glass|sat down on the floor]. {Sank}. "[There goes our day|We waited so long]," {he} said.
* "[Stupid|Mean|Horrid] {weather}!" shouted {A}. The {weather} [did not care|took no notice]. {B} [sighed|wiped away a tear].

* "[We cannot change the weather|The weather is the weather]," said {E}, "but we can change the plan." {B} [looked around|thought]. "[Then we stay here|How about this]: {plan.inside}," {B.he} said.
* {A} [walked in circles|drummed on the table]. Then {his} [face lit up|eyes began to shine]. "[What do we really want|What did we want out there]?" {he} asked. "[Not grass and sky|To have fun, no matter where]. {plan.inside}." {B} [was for it|jumped for joy].
* {B} was the first to [have an idea|smile again]. "Who says we need to [leave|go out]?" {B.he} asked. "[We can do it here|Let us do it in here]: {plan.inside}!"
* Then {A} [looked up|jumped up]. "[Wait|I know]," {he} said. "If we cannot go there, [it|the fun] must come here. {plan.inside}!"

* And so they did. {plan.fun}. They [forgot|no longer thought of] the {weather}.
* [Chairs were moved, and a rug was rolled up|They pushed the furniture aside]. {plan.fun}. [Outside|Out there], the {weather} could [do what it liked|go on for ever].
* [It worked|What a day]! {plan.fun}. "[More|Again]!" cried {B}, and {E} [joined in|clapped {E.his} {hands}].
* [In no time|Soon] the room was [full of laughter|not a room anymore]. {plan.fun}. Even {E} [took part|sat down with them on the floor].

* "[I am almost glad|Thank you, {weather}]," said {A} [at the end|afterwards]. "This was [even better|the best kind of day]."
* When the {weather} was over, nobody [noticed|even looked up].
* A plan can [break|melt] in [a minute|an hour], but [good company does not|a good friend helps to make a new one].
* "Next time [we|let us] {plan}," said {B}. "[If|Or if] the weather [says no|is bad again], [we know what to do|all the better]."

== stuck
object / place / first / second / idea / works
kite / in the top of the elm / threw [pine cones|sticks] at it / shook the trunk as hard as {he} could / [The wind|It was the wind that] put it there. If we wait, [the wind may|it may] take it [back|down again] / [Before long|After an hour] the wind turned, and the {color} kite [slid|came] out of the [branches|leaves] [by itself|all alone]
ball / on the roof of the shed / jumped as high as {he} could / poked at it with a broom that was too short / [Tie|We can tie] the broom to the rake, and [it will be|then it is] long enough / With [broom and rake together|that long pole] they [reached|touched] the {color} ball, and [it rolled down|down it came]
boat / in the middle of the pond / blew as hard as {he} could / called to it, which did no good at all / [Throw stones|Let us throw pebbles] behind it. The [ripples|waves] will [push it|bring it to us] / [Splash by splash|Stone by stone], the [ripples|little waves] [pushed|drove] the {color} boat to the [shore|reeds, where they could reach it]
wagon / in deep mud / pulled until the rope burned {his} {hands} / dug with a stick / [Lay|We should put] flat boards under the wheels / They [laid|pushed] two boards under [the wheels|it], pulled [once|one more time], and the {color} wagon [rolled|came] out
balloon / under the ceiling of the barn / climbed on a bucket / waved a towel at it / [Let us open|Open] the top door. It will [follow the draft|go where the air goes] / They opened [the top door|it], and the {color} balloon [drifted over|moved, slowly,] and bumped against the [ladder|ladder, low enough to grab]
hat / on the head of the stone statue / jumped with {his} arms in the air / threw a stick, and it flew past / [Neither of us is tall|We are both short], but [we are|not] if we add up / {B} climbed on {A_own} shoulders, and [together they were|now they were] [just|exactly] tall enough to [lift the {color} hat off|reach the {color} hat]
button / deep in a crack between the stones / [tried to reach it|poked around] with a twig / [tried|used] a spoon / [Take|We need] [some chewing gum|a bit of honey wax] and a long stick / The button stuck to [it|the end of the stick] at the [first|second] try and came up, [shiny|dusty] and whole
door / in its frame, swollen from the rain / pulled at the handle / kicked it, and only hurt {his} toe / [Rub soap|Try some soap] along the edge / They rubbed soap [all along the edge|on it from top to bottom], and the {color} door [swung|slid] open
bucket / at the bottom of the well / fished for it with a string / shouted at it, and heard only {his} own voice / [Tie|Why not tie] a magnet to the string / [The magnet clicked|Click, went the magnet] against the handle, and [up came the {color} bucket|they pulled the {color} bucket up]
ring / in a bottle with a thin neck / turned the bottle upside down / shook it up and down / [Fill it with water|Pour in water] and let [the cork|a cork] lift the ring / They [pushed|got] a [bit|piece] of cork under [the ring|it], poured in [water|a jug of water], and the ring [floated|rose] up

* {one_day}, {A} [had bad luck|had a problem]. A {color} {object} was stuck {place}. It belonged to {E}, [and {E.he} needed it|who was sure to miss it].
* It happened {one_day}, [quite suddenly|in the middle of a game]: the {color} {object} got stuck {place}. "[Oh no|Oh bother]," said {A}.
* {one_day}, {A} [came around the corner|looked up from {his} game] and [stopped|saw it]. There was the {color} {object}, stuck {place}.
* "[Who can help me|What now]?" said {A} {one_day}. {He} was looking at the {color} {object}. It was stuck {place}, [and would not move|firm and fast].

* First {he} {first}. [Nothing happened|It did not help]. Then {he} {second}. [That was no better|Still nothing].
* [What did {A} do|So what did {he} try]? {He} {first}, [once, twice, ten times|until {he} was tired]. After that, {he} {second}. [The {object} did not care|{he} might as well have sung to it].
* {He} {first}. The {object} [stayed where it was|did not move an inch]. {He} {second}. [It was hopeless|That made {him} hot and cross].
* {A} was [strong|stubborn]. {He} {first} [for a long time|again and again]. {He} even {second}. [It was no use|All in vain].

? {He} [was about to give up|sat down in the grass]. "I [cannot do it|will never do it]," {he} [groaned|said]. {Sank}.
? "[Argh|Grr]!" {he} [said|cried], and {he} [stamped|kicked] the ground. That [did not help either|helped least of all].
? "[You are in a hurry|Force is not everything]," said {E}, who [was hanging up shirts|was sitting nearby]. "[Look at it first|First look, then think, then pull]."

* {Friend} [had watched it all|came along with an apple]. {B.He} looked [for a while|from all sides]. "[I have an idea|I know]," said {B}. "{idea}."
* "[Stop|Wait]!" [said|called] {friend}. {B.He} [put a finger to {B.his} nose|squinted], as [always|ever] when [an idea was coming|{B.he} was thinking]. "[Try this|How about this]," said {B} at last. "{idea}."
* {Friend} [stopped to look|put down {B.his} book]. "[You are using your arms|Pulling and poking]," said {B}, "[but|and] it needs a [bit of thinking|trick]. {idea}."
* "[May I|Shall I help]?" asked {friend}. {B.He} [walked around it|tilted {B.his} head]. "Hmm," said {B}. "{idea}."

* "[Is it that easy|Will that work]?" said {A}, but {he} [tried it|went to help]. {works}!
* They [did it|got to work] [at once|together]. {works}. "[Hurray|It works]!" shouted {A}.
* {A} [had nothing to lose|was ready to try anything]. {works}. [Just like that|It was as simple as that]!
* No sooner said than done. {works}. {A} [stared|could hardly believe it].

* "[How clever you are|You are a genius]," said {A}. "[I just looked|I was not in a hurry]," said {B}, and [went red|shrugged].
* One good [idea|thought] [had done|did] what [a hundred tugs|all that pulling] could not.
* Since that day, {A} [sits down|counts to ten] before {he} starts to [pull|push]. [Often|Most times] the idea comes [soon enough|by itself].
* {Warm_heart}. {A} gave {B} half of {his} [sandwich|cookie|orange], [because a good idea|for thinking] makes you hungry.

== newcomer (long stranger)
interest / sign / offer / together
ships / was drawing a tall ship in the dust / [There is|I know] a real ship in the harbor. I [can|could] show you / they [sat on the pier|went to the pier] and [learned|asked] the names of all the sails
beetles / had a beetle on one finger / I know a log with [a hundred|fifty] beetles under it / they [turned over|looked under] [logs|stones] and [kept|wrote] a book of beetles
music / was tapping a rhythm on the bench / [We have|There is] a drum at [home|our house], and nobody [to play it|plays it] / they [had|played in] a band, with a [drum, a comb|comb, a drum] and a [bottle|washboard]
stars / was reading a book about stars / [My|Our] roof is flat. You can see [the whole sky|every star] from it / they [lay|sat] on the roof and [found|looked for] the Great Bear
cooking / was smelling the herbs by the wall / [Our kitchen has|We have] a [big|giant] pot. We could [invent|make up] a soup / they [invented|made] a soup with [seven|nine] herbs, and it was good
trains / was counting the cars of a passing train / From the [bridge|iron bridge] you can see [the trains|them] [come|shoot] out of the tunnel / they [stood|met] on the bridge and [waved to every driver|counted the cars]
chess / was moving pebbles around on a square / [I have|There is] a board [at home|in my room], but nobody [to play with|knows the rules] / they played [chess|a game] [every Sunday|after school], and [each won half the games|sometimes one won, sometimes the other]
gardens / was tying up a bent daisy with grass / [There is|I know] a corner behind the school where [nothing grows|there are only stones]. We could [change that|plant something] / they [planted|grew] [beans and daisies|daisies and beans] behind the school

* {one_day}, somebody new came to {village}. {B.He} was called {B}, and {B.he} [spoke to nobody|looked only at the ground].
* {B} was new in {village}. {one_day}, {A} saw {B.him} for the first time, standing [alone|by {B.himself}] [at the fountain|by the school wall].
* A wagon [stopped|pulled up] in {A_own} street {one_day}. Out came chairs, a lamp, and [at last|after them] a {B.kind} named {B}, who [looked scared|hid behind a box].
* "Who is [that|that over there]?" asked {A} {one_day}. "That is {B}," said {E}. "{B.He} [has just moved here|comes from far away] and knows [nobody|not a soul]."

* The others [played tag|ran about], and {B} [watched|looked on]. Nobody was [mean|unkind]. But nobody [asked {B.him}|said a word to {B.him}] either.
* [Every day|At every break], {B} [ate|sat] [under a tree|on the steps], far from [the rest|the games]. [Now and then|Sometimes] {B.he} [looked up|raised {B.his} head]. {A} [waved|smiled], but {B} had [already|quickly] looked down again.
* {A} said, "Hello!" {B} [opened {B.his} mouth, but no word came out|turned red and looked away]. "[Strange|How odd]," {A} thought. "[Does {B.he} not like me|Did I do something wrong]?"
* "[Just leave {B.him}|{B.He} never talks]," said the others. {A} [was not so sure|thought about that]. How would it [feel|be] to know nobody at all?
? At home {A} asked {E} about it. "[A shy person|Somebody shy] is like a [snail|closed door]," {E} said. "Do not [knock|push] too hard. [Wait and look|Find out what is inside]."

* The next [day|morning], {A} [looked more closely|kept {his} eyes open]. {B} {sign}. So {B.he} liked {interest}!
* For [two days|some days], {A} [found out nothing|learned nothing new]. [On the third|And then] {he} was [lucky|in the right place]. {B} {sign}, [and did not see {him}|and forgot everything around {B.him}]. [{A} almost whistled|A light went on in {A_own} head]. {Interest}!
* Then, [on Tuesday|two days later], {A} [noticed|saw] something: {B} {sign}. "{Interest}," [thought {A}|{A} said to {himself}]. "[So that is it|Now I know]."
* {A} sat down, not [too close|very near], and said nothing. {B} {sign}. [It was|That was] the clue {A} [needed|had been looking for]: {interest}.

* "Do you like {interest}?" {he} asked. {B} nodded. "[Me too|So do I]," said {A}. "{offer}." And {B} [smiled|spoke] for the first time. "[Really|Now]?" {B.he} asked.
* So {A} [did not ask for a name|did not say hello this time]. {He} said, "[I like {interest}, too.|So you know about {interest}?] {offer}." [It worked like a key|That was the right word]: {B} [turned around|came closer] and [had a hundred questions|was shy no more].
* {He} [took a breath|came a step nearer]. "{offer}," {he} said. "[Would you like that|Will you come]?" {B} looked up. "Yes," {B.he} said, "[very much|I would love to]."
* "{offer}," said {A}, [as if to nobody|quite simply]. It was [still|quiet] for a moment. Then {B} began to talk about {interest}, and [could not stop|talked and talked].

* From then on {together}. [Nobody|No one] would have [called|thought] {B} shy [anymore|now].
* That was the [beginning|start]. [Week after week|Whenever they could], {together}. [Soon|One day] {B} even [told jokes|laughed out loud], and [everyone|the whole school] [heard it|turned to look].
* By the [end of the month|time the leaves fell], {together}, and [half the school|three others] had joined them.
* [All summer|That whole season], {together}. "[I was so afraid|I had a stomach ache] that first day," said {B}. "[Me too|So was I]," said {A}, "[a little|only I hid it better]."

* {A} [had found out|knew now] that a friend is [often|sometimes] somebody [you have not asked yet|who waits for one good question].
* [When|And when] the next new child came, it was {B} who [went over|crossed the yard] and said hello.
* {Warm_heart}. [To think|And to think] that it had [begun|all started] with a word about {interest}!
* Kindness [does not need|needs no] big words. [It needs|Often it takes] a pair of [open eyes|good eyes].

== foundling (people)
baby / state / sign / trail / mother
duckling / wet and peeping / [a trail|a row] of [tiny|small] webbed prints in the mud / followed [the prints|them] [along|down] the bank / [In|Between] the reeds swam a [brown duck|mother duck] with [five|six|seven] more, [calling and calling|quacking for one that was missing]
lamb / shaking on thin legs / [some|a bit of] [white wool|wool] on a thorn bush / went [from bush to bush|up the hill], wherever [white wool|wool] hung / [Behind|Beyond] the hill stood [a ewe|a sheep], [bleating|crying] at a [gap|hole] in the fence
kitten / dusty and crying / [black smears of coal|coal dust] on its paws / [asked where coal was kept|thought of places with coal], and [ran|went] to the station / In the coal shed lay a cat with [three|four] kittens and [one|an] empty place
puppy / muddy and trembling / a tag with a picture of an anchor / [went down|hurried] to the harbor / [At|In front of] the inn with the anchor sign, a [big|brown] dog jumped up and [howled for joy|barked like mad]
owlet / gray and fluffy / [three|two] [soft|downy] feathers under a pine / looked up into the [pine|dark tree], branch [by|after] branch / [High up|Far up] in a hole sat a [mother|large] owl, [turning her head around and around|calling softly]
foal / tired and limping / [fresh hoof prints|a line of hoof prints] next to a broken gate / followed [the hoof prints|the line] [across two fields|over the stubble] / A [mare|gray mare] was running up and down [at the far end|behind a hedge], and she [neighed|threw up her head]
baby hedgehog / cold and curled up / a [little|narrow] path [pressed|trodden] through the leaves / crawled along [the path|it] under the [hedge|bushes] / [Under the roots|By an old root] a [mother|big] hedgehog was [sniffing in every corner|running in circles]
chick / yellow and lost / [straw|a bit of straw] [stuck to|in] its feathers / thought of the [only straw in the lane|last place where there was straw] and [went|walked] to the barn / [In the barn|Inside] a hen was [turning in circles|scratching and clucking], with [five|six] chicks behind her

* {one_day}, {A} heard a [thin|tiny] cry. [Under a bush|Beside the path|By the ditch] sat a {baby}, {state}.
* "[Listen|Hush]!" said {A} {one_day}. {He} and {friend} stood still. There, in the grass, was a {baby}, {state}.
* {one_day}, [on the way home|on an errand for {E}], {A} [almost stepped on|found] a {baby}. It was {state}, and [all alone|there was no mother near].
* A {baby} sat in front of the house {one_day}, {state}. {A} [knelt|bent] down. "[Where do you come from|Whose child are you]?" {he} asked.

* {He} [gave it|let it drink] some water from {his} {hands}. It [nestled up to {him}|stopped shaking]. "[May I keep it|Can it stay with us]?" {he} asked {E}. "[Somewhere a mother is looking for it|It has a mother somewhere]," said {E}.
* {A} wrapped it in {his} [sweater|shirt]. [How soft it was|It was as light as bread]! {He} would have loved to keep it. But [somebody|its mother] [must be|was surely] looking for it.
* "[You are mine now|I will call you Button]," said {A}, and the {baby} [laid its head on {his} arm|closed its eyes]. But [in its sleep|every now and then] it [called for somebody|made a small, sad sound]. [It was not {his}|So it had a mother], and {A} [knew it|understood].
* The {baby} [looked at {him}|blinked]. {A} wanted to keep it [so much|for ever]. "[If I were lost|If it were me]," {he} thought, "I would want to go home."

* {He} looked around [for a clue|carefully]. What was that? {sign}! So {A} {trail}, [with the {baby} under {his} chin|holding the {baby} close].
* "[Every lost child leaves a thread|Look for a sign]," {E} [had told {him} once|always said]. So {A} [used {his} eyes|looked high and low]. And really: {sign}. {He} {trail}, [full of hope|with a pounding heart].
* "[How do we find its home|Where can its home be]?" {he} [asked|wondered]. Then {he} [saw|noticed] {sign}. {A} {trail}. [It was a long way|The {baby} kept still and listened].
* There was one [clue|sign]: {sign}. It was [not much|enough]. {A} {trail}, [step by step|and did not stop to rest].

? [Once|Halfway], {he} [lost the way|thought {he} had gone wrong], and the {baby} [began to cry|cried again]. "[Not far now|I will not give up]," {A} [said|promised].
? It [began to get dark|was getting late]. {A} [walked faster|did not turn back]. "[Almost there|We will find her]," {he} [whispered|told the {baby}].

* And [there|then]! {mother}. {A} [set the {baby} down|opened {his} arms], and it [ran|tumbled|hurried] to her.
* The {baby} [heard it first|pricked up its ears] and [began to wriggle|cried out]. {mother}. [What a welcome it was|It was a joy to see]! {A} [stood aside|kept very still] and [watched|smiled].
* [At last|Then] {he} saw it. {mother}. The {baby} gave a [cry|squeak], and [a moment later|at once] the two were together.
* {mother}. "[Look who is here|Here is your little one]," said {A}, and {he} let go. [She pushed it under her chin and closed her eyes|Neither of them looked back|The mother licked it from head to tail].

* It was [hard|sad] to go home with empty arms. But {warm_heart}.
* {A} [missed it|was a little sad] that night. "[You did right|That was love]," said {E}. "Love [sometimes|often] means bringing somebody home."
* Ever since, {he} [goes by|visits] on Sundays. The {baby} has grown, [but it knows {him}|yet it always comes running].
* {He} [waved|stayed and watched] for a while. [Keeping|To keep] it would have made one [happy|glad], and [bringing it home|this] made three.

== build
what / quick / crash / slow / use
tree house / nailed [the boards|everything] to the [thinnest|nearest] branch / the branch [bent|broke], and [every board|the whole thing] [slid|fell] to the ground / [chose|looked for] the [thickest|strongest] fork and measured [each board|the boards] / It [held|carried] them both, and on [warm evenings|Sundays] they [ate supper|had tea] up there
raft / tied [the|some] logs [with old wool|together with knitting wool] / the wool [gave way|tore] and the logs [swam|drifted] off [in all directions|one by one] / tied [each|every] log twice, with [good|strong] rope and [sailor|double] knots / It [carried|took] them to the [other shore|island and back], and their feet [stayed dry|did not even get wet]
bird house / [glued|pasted] it together in [five|ten] minutes / the [bottom|floor] fell out [as soon as it was hung up|when a sparrow sat down in it] / [drew a plan|made a drawing], sawed [slowly|along the line], and used [screws|long screws] / [In spring|Before long] a pair of [blue tits|wrens|sparrows] moved in
snow fort / [piled|heaped] up [loose|soft] snow / the wall [sagged|leaned over] and [buried|swallowed] their mittens / [pressed|packed] the snow into blocks and [set|laid] them like bricks / It stood [until|far into] March, when [every other snowman|all other snow] had melted
bridge over the brook / [threw|laid] [one|an] old plank across / the plank [cracked|broke in two], and [both of them|they both] sat in the [water|brook] / [carried|rolled up] stones for two pillars and [laid|nailed] [three|four] planks on top / Even {E} [walked|went] over it, with a [full basket|heavy bag]
soapbox car / [put on|took] the first wheels they [found|saw] / one wheel [rolled away|went] to the left, and the [car|rest] to the right / [found|looked for] four equal wheels and [greased|oiled] the axles / It [ran so straight and fast|was so quick] that it [won|came first in] the [race on Sunday|big race]
scarecrow / stuck a [broom|stick] in the ground and [put|hung] a hat on it / the [first|very first] crow [sat down on|made a nest in] the hat / stuffed [a coat|an old coat] with straw and [hung|tied] [tin lids|bells] on the arms / It [clattered|rattled] in [the wind|every breeze], and the [peas|seeds] were left in peace
sand castle / built it [close|right next] to the [waves|water] / a [wave|big wave] came and [took it away|swept it off] / built it [higher up|farther up the beach] and dug a [deep|wide] ditch around it / The [waves|water] ran into the ditch, and the castle [was still there in the morning|kept its feet dry]
hut of branches / leaned [a few|some thin] sticks together / the [first|next] gust of wind [blew it flat|carried the roof off] / dug the poles in [deep|as deep as an arm] and [wove|braided] twigs between them / [That night it stormed|It rained the same night], and not [one|a] drop came in

* {one_day}, {A} and {friend} [decided to|wanted to] build a {what}. "[I bet|I am sure] it will be ready before [supper|dark]," said {A}.
* "[Let us build|We could make] a {what}!" said {A} {one_day}. {Friend} [liked the idea|clapped {B.his} {hands}]. "[But it takes time|We should plan it]," {B.he} said.
* {A} had [dreamed of|wished for] a {what} for [weeks|a long time]. {one_day}, {he} and {friend} [began|set to work]. {A} was in a hurry.
* {E} gave {A} and {friend} some [tools|useful things] {one_day}. "[With that|Now] we can build a {what}!" said {A}. "[Right now|As fast as we can]!"

* They {quick}. "[Done|There]!" cried {A}. [But alas|The next moment], {crash}.
* It was [hardly an hour|only half an hour] later when they [were done|stood back]: they {quick}. "[Who needs a plan|Easy]," said {A}. [Well|A minute later], {crash}.
* "[Careful|Slowly]," {E} [called|warned], "[what is built fast falls fast|quick work seldom lasts]." {A} only laughed. They {quick}. {Crash}!
* {A} [did not want to wait|would not hear of plans], so they {quick}. [It looked fine|For a while it looked good], [until|but then] {crash}.

* {B} [looked at the mess|began to laugh]. {A} did not [laugh|find it funny]. "All that work [for nothing|gone]!" {he} said.
* "[Ha, ha|Ho, ho]!" a voice laughed [from the road|behind the hedge]. {A} [went red|wished to hide]. "[Let them laugh|Never mind]," said {B}. "[We will show them|The second one is always better]."
* {A} [kicked|glared at] what was left. "[I give up|It cannot be done]," {he} said. "[It can|We can do it]," said {B}, "[only not so fast|but we need to think]."
* [For a while|At first], neither of them [spoke|said anything]. "[We were too quick|That was my fault]," said {A} at last.
? "[What now|And now]?" asked {B}. {A} looked at {E}, and {E} [pretended to read|said nothing and smiled]. They would [have to|need to] find it out [alone|by themselves].

* So they [started over|tried again]. This time they {slow}. It took [all day|until sunset|hours], and [twice|three times] {A} [sighed|wanted to stop].
* [After a cup of milk|When they had calmed down], they [cleared the ground|picked up the bits] and began [anew|a second time]. They {slow}. [It was dull work|It was slow, slow work], and [it was good work|they did every bit of it].
* "[Again|Once more], but [properly|with care]," said {B}. They {slow}. Nobody [hurried|rushed]. [The sun wandered across the sky|The hours came and went].
* They [made a plan|talked it over]. Then they {slow}. {A} [checked everything|tested each part] [twice|with {his} own weight].

* And what a {what} it was! {use}.
* They [shook it|jumped up and down next to it], and [nothing gave way|it did not even creak]. [That was|It was] a [real|proper] {what}! {use}.
* When it was [done|ready], they [held their breath|hardly dared to look]. The {what} [stood|held]! {use}.
* [At last|In the end], the {what} was finished. {use}.

* "Slow [was|is] faster," said {A}, "because [in the end we did it only once|what is done well is done once]."
* {Warm_heart}. {He} [carved|painted] [both|their] names on it, [slowly|and took {his} time over every letter].
* {A} [still likes|liked] to [be quick|hurry], but when something [matters|has to last], {he} takes {his} time.
* "[Good things|Strong things] take [a while|time]," {E} said. "[We know|We found out]," said {A} and {B} [together|with one voice].

== race
race / trouble / help / later
boat race on the pond / boat was sinking by the bow / [held the boat up|held on to it] with {his} own oar and [rowed|brought] it ashore / [lent|gave] {him} the [fastest|best] oars in {village} the next [year|summer]
running race around the hill / ankle was twisted / put an arm [around {B.him}|under {B_own} arm] and [walked|helped] {B.him} down to the [village|road] / [stood at the finish|was there] the next year and [cheered|shouted] the loudest
sack race at the fair / sack [had torn|had burst], and {B.he} [lay|sat] in the dust / [helped|pulled] {B.him} up, and they [hopped on|went on] in [one|the same] sack / [shared|bought and shared] a [huge|giant] pretzel with {him}
sled race down the slope / sled had hit a stump / [pulled|dug] {B.him} out of the snow and [gave {B.him} a ride|took {B.him} along] / painted [a lightning bolt|two wings] on {A_own} sled
bicycle race to the harbor / chain had come off / turned the bicycle [over|upside down] and [put the chain back on|put it right] / [oiled|polished] {A_own} bicycle [every Saturday|once a week]
egg-and-spoon race / egg [had dropped|lay on the ground], and {B.he} was [in tears|crying] / gave {B.him} [half of a cookie|a handkerchief] and [walked|stayed] beside {B.him} / told [the story|it] to [everyone at school|the whole class]
swimming race across the bay / leg had a cramp / held {B.his} head [up|above the water] and [swam back with {B.him}|brought {B.him} to the shore] / [taught|showed] {him} how to [dive|swim on {his} back]
kite race along the beach / line was [tangled|caught] in a [thorn bush|bramble] / [sat down|knelt] and [picked out every knot|undid the knots, one by one] / [made|sewed] {him} a [new|longer] tail for {his} kite

* The [great|big] {race} was held {one_day}. {A} had [practiced|trained] for [weeks|a month]. The first prize was {prize}, and {he} wanted it [badly|more than anything].
* All of {village} came to see the {race} {one_day}. "[I am going to win|This time I will win]," {A} said to {friend}. "[We will see|So am I]," laughed {B}. The prize was {prize}.
* "[On your marks|Get ready]!" It was {one_day}, and the {race} [was about to begin|began]. {A} thought [only of|of nothing but] the prize: {prize}.
* {prize}: that was the prize for the {race} {one_day}. {A} [dreamed|had dreamed] of it [every night|for days]. [So did|And so had] {friend}.

* "Go!" [cried|shouted] the [mayor|teacher]. {A} [shot off|started well]. Soon [only|just] {B} was [beside {him}|ahead of {him}], and then not even {B}.
* [Bang|Boom]! The [gun|signal] had [sounded|been given]. {A} [pushed ahead|pulled ahead] [at the first bend|early on]. {His} [lungs burned|face was wet], but [there was nobody in front of {him}|{he} could see the ribbon at the finish].
* A [whistle|bell] sounded. {A} [was fast|flew along]. [One by one|Little by little] the others fell back. [Halfway|At the last turn], {he} was [in the lead|first].
* Off they went! [It was hard|{His} heart pounded], but {A} [passed|left behind] one after another. [The prize|{prize}] was [nearly|almost] within reach.

* Then {he} heard a cry. {He} [looked back|turned {his} head]. {B_own} {trouble}.
* A [thud|crash], and then [silence|a groan]. What was that? {A} [threw a look|peeked] back. {B_own} {trouble}. The others [did not even slow down|swept past].
* "Help!" [somebody|a voice] called [behind {him}|from the back]. It was {B}. {B.His} {trouble}.
* [But where|Where] was {B}? {A} [slowed down|glanced over {his} shoulder]. {B_own} {trouble}, and nobody [stopped|saw it].

* The finish was [so near|in sight]. {A} [looked at it|looked ahead], [looked at {B}|looked back], and [sighed|made up {his} mind]. {He} {help}.
* "[Run|Faster]!" [called|shouted] the people. {A} [heard them|heard it all]. But {he} [had stopped|was standing still]. [What is a prize|What good is a medal], {he} thought, [without a friend to show it to|if my friend is in trouble]? {He} {help}.
* "[Run on|Go on], you [are winning|can win]!" said {B}. "[Not like that|Not without you]," said {A}. {He} {help}.
* [For one second|For a moment] {he} [thought of|saw] the prize. Then {he} [turned around|went back]. {He} {help}.

* The others [rushed|went] past. {A} and {B} came in [last|at the very end], [side by side|together], and the [crowd|whole crowd] [clapped|stood up and clapped].
* The prize went to [a stranger|a boy from the next village], and [nobody remembers|everyone has forgotten] his name. But [people still talk of|they still tell] how {A} and {B} [came in|crossed the line] [arm in arm|after everyone else].
* Somebody else won {prize}. [But the longest cheers|But the loudest clapping] [were|was] for the two who came [last|in together].
* They were [far too late|the last ones]. "[You lost because of me|I am sorry about the prize]," said {B}. "[I lost a race|It was only a race]," said {A}, "[and kept a friend|not a friend]."

* {B} never forgot it. [Later|After that], {B.he} {later}.
* "[Why did you do it|You could have won]," said {B} that evening. "[You would have done it for me|I did win]," said {A}. [It was true|And {B} knew it was so]. And {B.he} {later}.
* "[There is no prize for this|We have no medal for that]," the judge said, "[but there should be|and that is a pity]." So {E} [made one|cut one] out of [cardboard|tin]. And {B} {later}.
* {Warm_heart}, [although {his} hands were empty|with no prize at all]. And {B} {later}.

== noise (people night)
noise / guess / truth / fix
scratch, scratch, scratch / a wolf at the door / a [branch|twig] of the rose bush, which the wind [rubbed|moved] against the [wood|door] / tied [the branch|it] back with [a bit of string|a ribbon]
plip, plip, plip / a ghost with long fingers / a faucet that dripped into [the|a] [tin tub|bucket] / put [a sponge|a rag] under the [tap|drops], and [it was still|there was silence]
whoo, whoo / a giant blowing through the keyhole / the wind in [an empty|a green] bottle on the [sill|window sill] / put [a cork|{his} thumb] [in the bottle|on the bottle, and later a cork]
bump, bump, bump / robbers on the stairs / [the|a] shutter, which had [come off its hook|come loose] / [pushed|pulled] [the shutter|it] back and [hooked it|put the hook in]
rustle, rustle / a snake under the bed / a mouse in a [paper|cookie] bag, with a [crumb|raisin] in its paws / [set|carried] the bag outside and [left the mouse its supper|wished the mouse good night]
squeak, squeak / a bat as big as a cow / the [weather vane|rooster on the roof], which needed [oil|a drop of oil] / [oiled|greased] it [in the morning|the very next day]
grrr, grrr / a bear in the cupboard / {E}, who was [snoring|fast asleep and snoring] in the [armchair|rocking chair] / [laid|spread] a blanket over {E} and [tiptoed back|went back to bed]
clink, clink / chains in the cellar / two [milk|empty] bottles that [touched|kissed] in the draft / [moved|pushed] [the bottles|them] apart [by the width of a thumb|a little way]
flap, flap / a dragon on the roof / a [shirt|sheet] that [had been forgotten|someone had left] on the line / took [the shirt|it] in and [folded it|hung it up]

* {one_night}, {A} lay in bed. [All was dark|It was late]. Then {he} heard it: "{Noise}."
* "{Noise}." {A} sat up. It was {one_night}, [as black as ink|with no moon]. "[What was that|Who is there]?" {he} whispered.
* {E} had [blown out|put out] the lamp {one_night}, and the house [was asleep|slept]. All but {A}, for [something|somewhere something] went "{noise}."
* {one_night}, a [strange|queer] sound woke {A}. "{Noise}." [It stopped|There was a pause]. Then again: "{Noise}."

* {He} pulled the blanket over {his} [ears|nose]. It was {guess}! [It had to be!|What else could it be?] {His} heart [hammered|beat like a drum].
* What [makes|could make] a sound like that? [There was only one answer|{A} knew at once]: {guess}! [Cold|A shiver] ran down {his} back. {He} [hugged the pillow|bit into the blanket].
* "That," [thought {A}|{he} said to {himself}], "is {guess}." {He} [did not dare to move|lay as stiff as a board] and counted to {number}. It [was still there|did not stop].
* In {his} mind {he} [saw|could see] it [clearly|quite clearly]: {guess}. {He} held {his} breath. "{Noise}."

* {friend} was [staying the night|sleeping over]. "Do you hear that?" [asked|whispered] {A}. "Yes," said {B}, and [{B.his} voice shook|took {his} hand]. "[Shall we look|Do we dare to look], [both together|the two of us]?"
* {He} remembered what {E} had [once said|told {him}]: "[Fear grows in the dark|A fright gets big when you hide], [and shrinks when you look at it|but it is small when you look]." So {A} [put one foot|set a foot] on the cold floor.
* "[If I lie here|If I do not look]," {he} thought, "I will be afraid [until morning|all night]. If I look, I will be afraid for [one|a] minute." {He} [took|picked up] a [candle|flashlight].
* First {he} [counted to three|took a deep breath]. Then {he} [slid|crept] out of bed, [wrapped in the blanket|with a slipper in {his} {hand} like a sword].

* [Step by step|On tiptoe], {he} [went toward|followed] the sound. {Noise}, [louder now|closer and closer]. {He} [opened {his} eyes wide|lifted the light]. And what was it? {truth}!
* Down the [hall|stairs] {he} went, [one {hand} on the wall|without a sound]. {Noise}. [Here it was|It was very near]. {He} [held up the light|looked around the corner], and [there|before {him}] was the monster: {truth}!
* The floor [creaked|was icy]. [One more step|One look around the corner], and then {he} saw it. It was not {guess}. It was {truth}!
* The sound [came|was coming] from [quite near|over there]. {A} [shut {his} eyes|counted to three] and looked. It was {truth}. [Nothing more|That was all]!

* {He} [had to laugh|laughed out loud]. Then {he} {fix}.
* "[Good evening|Pleased to meet you]," said {A}, and [bowed|nearly fell over laughing]. {He} {fix}. [Now the house was still|After that, there was peace].
* "[You|So it was you]!" said {A}, [and {his} knees stopped shaking|and giggled]. {He} {fix}.
* [All that fear|So much fear] for so little! {A} [shook {his} head|blew out {his} cheeks]. {He} {fix}.

* [At breakfast|In the morning], {he} told {E} [everything|the story]. "[Were you scared|Were you not scared]?" asked {E}. "Yes," said {A}, "[and I looked anyway|but only until I looked]." "[That is what brave means|Then you are brave]," said {E}.
* Back in bed, {warm_heart}. [Brave people|The brave] are [afraid too|also afraid], [thought {A}|it seemed to {him}]. They [just|only] [look|go and look].
* {He} [slept like a stone|was asleep in a minute]. [The dark|Night] is [only|just] the day with [its eyes shut|the lamp out], and [what you have seen|a thing you have looked at] cannot [scare|frighten] you [half as much|twice].
* After that, {A} [still heard noises|heard many noises] at night. [But now {he} knew|But {he} told {himself}]: [most monsters are|nearly every monster is] something [small|silly] that [wants to be fixed|nobody has looked at].

== tracks (people)
gone / track / follow / thief / why / deal
cherries on the window sill / blue-black feathers / [The feathers led|They led] across the [yard|lawn] and up to the [barn roof|roof of the barn] / a magpie / It had a nest [full of|with four] hungry chicks / hung [a dish of crumbs and berries|some berries in a dish] by the barn
sock on the line / wet round prints / [The prints|They] ran [straight|right] through the [vegetable bed|lettuce] / a puppy / It was getting [teeth|its big teeth] and had to [chew|bite on something] / gave it [an old rope|an old shoe] to chew on
carrots in the front bed / small heaps of earth / [The heaps|They] made a [line|row] toward the [wood|clover] / a young hare / Its own [meadow|field] had been [mown|cut] that [week|month] / sowed [a strip of clover|some clover] behind the [fence|hedge]
cookies on the cooling rack / flour on the floor / [There was flour on the stairs|The stairs had a bit of flour on them], and [so had|there was some on] a door handle / Uncle {U} / He had [come home early|come on the first train] and had [not eaten all day|not had breakfast] / wrote his name on a [tin|jar] and [kept|put] [five|six] cookies in it [for him|every week]
eggs in the hen house / a thin trail in the dust / [The trail|It] went under the [planks|boards] and [out again by the ditch|came out at the ditch] / a hedgehog / It was [fat|round] and [ready for its winter sleep|almost asleep] / put out [a bowl of|some old] pears and [closed|filled] the hole
silver spoon / one black feather / There was [another|a second] [feather|one] by the well and [another|a third] below the tower / a jackdaw / It [loved|could not resist] [everything that shone|shiny things] / gave it [a bit of tin foil|a glass bead], and got the spoon [back|in return]
milk in the blue bowl / tiny white paw marks / [The marks|They] went over the wall and into the [old|garden] shed / a stray cat / She had [four|five] [kittens to feed|hungry kittens] / [brought|carried] [a bowl|a dish] of milk to the shed [every evening|each night]
apples in the cellar / a row of nibbled peels / [One peel lay|There was one] on each step, and the last one [by|behind] the wood pile / a hamster / It had [run away|escaped] from the school and [was lost|did not know the way back] / [carried|took] it back to [school|its cage] in [a hat|a warm hat]

* {one_day}, {E} [was upset|put {E.his} {hands} on {E.his} hips]. "[Who did this|Who has been here]?" {E.he} asked. "The {gone}! [All gone|Simply gone]!" "[Not me|I did not]," said {A}.
* [It was a mystery|Strange things happened] in the house {one_day}. First {A} [noticed|saw] it, then {E}: the {gone}, [gone|vanished]!
* "[Where|What has become of] the {gone}?" {E} [cried|called out] {one_day}. {A} [came running|dropped {his} book]. [Nobody knew|There was not a crumb of an answer].
* {one_day}, {A} [heard a cry|came home]. Somebody had [stolen from|robbed] {E}. The {gone}: [simply gone|taken, just like that]!

* "It was [surely|probably] {B}," said {E}. {Friend} [went pale|had been there that day]. "[Let us not blame anybody|We do not know that]," said {A}. "[First I want to look|Give me an hour]."
* {A} did not [guess|shout]. {He} [got down on {his} knees|took a magnifying glass] and [looked|searched]. {friend} held the lamp.
* "[A case for me|I will solve this]," said {A}, and put on {E_own} [big|old] hat. {Friend} [was the assistant|took notes]. They [began|started] [where it had happened|at the empty place].
* "[A thief leaves a trace|Every thief leaves something behind]," said {friend}. So {he} and {B} [looked at|went over] every [inch|bit] of the floor.

* And [there was|look,] something: {track}! {follow}.
* [Most people|Others] would have [missed it|walked by]. But {A} [had sharp eyes|bent down low], and [{he} saw|there before {him} was] {track}. {follow}. {B} [wrote it all down|was right behind {him}].
* "[What is this|Aha]!" said {A}. {He} had found {track}. {follow}, [with {A} behind|and {A} kept close].
* [Near|Close to] the empty place there [were|lay] [clues|signs]: {track}. {follow}. [Nobody spoke|They followed without a word].

? {B} [held {B.his} breath|stopped]. "[What if it is|Maybe it is] somebody big?" {B.he} whispered. "[Then we run|Big ones leave bigger tracks]," {A} whispered back.
? [Once|For a while] the trail [broke off|was lost]. {A} [went back|closed {his} eyes], looked [again|more slowly], and [found it|there it was].

* [Who|And who] sat [there|at the end of the trail]? It was {thief}! {why}.
* They [peeped|looked] in. There was the thief: {thief}! [{A} was not angry for long.|But who could be angry?] {why}.
* A [small sound|rustle] came from [the dark|a corner]. {A} [lifted the lamp|held {his} breath]. {thief}! [There was no doubt|The case was solved]. But why? {why}.
* "[So it is you|Caught]!" [said|cried] {A}. [Before {him}|There] was {thief}. {why}.

* {A} [told {E}|ran and told {E}] [what {he} had seen|all of it]. "[I would never have guessed|I had thought of everyone but that one]," said {E}. [Together|That same day] they {deal}.
* {E} [laughed|shook {E.his} head] when {E.he} heard it. "[What shall we do with such a thief|And now]?" {E.he} asked. {A} [had thought of that|knew what to do]. [With {B}|Before the sun went down], they {deal}.
* "[Something must be done|We need a better way]," said {A}, and {he} and {B} {deal}. Nothing was [stolen|taken] after that.
* Nobody was [punished|scolded]. [Instead|After some thought], they {deal}. [And it helped|That was the end of it].

* "[Look first|First look], [then speak|blame later]," said {B}. It became [a saying|a rule] in {village}.
* {A} was [called|known as] the detective of {village} [for a long time|from then on]. {He} [knew|had learned] that even thieves have [a story|reasons].
* {Warm_heart}. A guess [is quick|costs nothing], [but a clue is better|but it is the clue that counts].
* "How did you [know|find out]?" people asked. "[I did not know|It was easy]," said {A}. "I [followed|looked at] what was there."

== gift
bits / where / made / first_use
old wool and two sticks / in the sewing basket / a pair of slippers, one a bit bigger than the other / put [the slippers|them] on [at once|then and there] and [danced|slid] across the [room|floor]
a jam jar and candle ends / behind the kitchen shelf / a lantern with stars scratched on the glass / lit [the lantern|it] and [would not have another lamp that night|put out every other lamp]
driftwood and string / down on the beach / a hook board for coats, shaped like a fish / hung [up {E.his} coat|{E.his} best coat] on the fish [right away|without a word]
clay from the ditch / behind the brick yard / a cup with a thumb print for a handle / drank {E.his} tea from it and said that [it tasted better|tea had never tasted like that]
walnut shells and glue / under the walnut tree / a fleet of tiny boats with paper sails / [floated|sailed] [all the boats|the whole fleet] in the wash basin
rags and buttons / at the bottom of a chest / a pillow with a face / [fell asleep on the pillow|laid {E.his} head on it] [after lunch|there and then], smiling
a box and some rubber bands / in the shed / a small guitar / [plucked|played] [the guitar|it] until the neighbors [came to listen|knocked and asked to hear more]
pressed flowers / between the pages of an old book / a calendar with a flower for every month / hung it [over the table|by the window] and [turned to the right month|smelled at every page]
apples and cinnamon / in the cellar / {number2} jars of apple sauce, with a label on each / opened [a jar|one] [then and there|on the spot] and gave [everybody|all the guests] a spoon

* {one_day}, {A} [looked at the calendar|remembered something]. [Tomorrow|The very next day] was {E_own} birthday! {He} shook {his} piggy bank. [Nothing fell out|It was empty].
* {E_own} birthday was coming, and {A} had no money [left|at all]. {one_day}, {he} stood in front of {shop} and [sighed|looked at all the fine things].
* "What does {E} [want|wish for]?" {A} asked {friend} {one_day}. "Something [nice|beautiful]," said {B}. "[But|Only] I have [no money|not one coin]," said {A}.
* {one_day}, everybody [whispered|talked] about {E_own} birthday. {B} had [bought|found] {prize} for {E.him}. {A} had nothing, [and turned red|not even a ribbon].

* {Friend} [thought about it|scratched {B.his} nose]. "[Did {E} ever ask for|Does {E} need] something from a shop?" {B.he} asked. "[Make something|You have ten fingers]."
* "[No money|An empty purse]," said {A} to {himself}, "[but two {hands}|but a head full of ideas]." {He} [walked|went] up and down, [and up again|five times]. [What did {E} need|What would make {E} smile]?
* In the window stood {prize}. It cost [far too much|more than {he} could save in a year]. "[Then I must make something|I have {hands}, have I not]," said {A}.
* {Sank}. But then {he} thought of what {E} [often|always] said: "[A gift is time|A gift is time with a ribbon on it]." [Time was free|And time {A} had]!
? "[What is wrong|Why so quiet]?" asked {E}. "[Nothing|Oh, nothing]," said {A} [quickly|with both {hands} behind {his} back]. [It was|It had to be] a surprise, [after all|of course].

* {where}, {he} found {bits}. [Others would have thrown that away|It did not look like much]. But {A} [saw something in it|had a plan].
* It began with {bits}. {A} had [seen|passed] all that [many times|before], {where}, and thought nothing of it. [Now|But now] {he} [looked again|looked at it with new eyes] and [smiled|began to whistle].
* {He} [looked around|searched everywhere]. At last, {where}, there [was something|lay just the thing]: {bits}. "[That will do|Perfect]," {he} said.
* What did {he} have? {bits}, found {where}. [Was that enough|Could that become a gift]? {A} [sat down|shut the door] and began.

* {He} worked [until late|all afternoon], and [made a mess|had to begin again twice]. [When the lamp went out|In the end], it was [done|ready]: {made}.
* It was [not easy|fiddly work]. {His} [fingers hurt|tongue stuck out], and [once|twice] {he} nearly [gave up|cried]. But then [there it was|it lay before {him}]: {made}.
* [Snip, knock, rub|A bit of this, a bit of that]: the [hours|evening] went by. The first try [was crooked|fell apart]. The second was [better|nearly right]. The third [was just right|was the one]: {made}.
* [Nobody was allowed in|"Do not come in!" {he} called]. There was a [rustling|knocking] and a [humming|muttering] behind the door. And what [came out|was it] at last? {made}!

* The [birthday|great day] came. {E} unwrapped [big things|many presents], [and last|and at the end] {A_own}. {E.He} was [silent|still] [for a moment|for a while]. Then {E.he} {first_use}.
* On the [birthday|morning of the birthday], {A} was [the last in line|so nervous that {he} hiccupped]. {E} [untied the string|opened the paper], [looked|looked and looked], and [found no words|had to sit down]. Then {E.he} {first_use}.
* "[It is only|It is not from a shop, it is only] {bits}," said {A}, when {E} [opened|unwrapped] it. "[Only? It is your time|It is made of your time]," said {E}, and {E.his} eyes [shone|were wet]. {E.He} {first_use}.
* {A} [held out the gift|put it on the table] and [looked at {his} shoes|did not dare to look]. "[You made this|Is that for me]?" asked {E}. And {E.he} {first_use}.

* {A} had [never been so|seldom been so] {glad}. The [best|finest] gifts [are made of time|cost nothing but time].
* "[Now I know|I see]," said {A}, "[money buys things|a shop sells things], [but not this|but somebody has to make a gift]."
* [Years later|Long afterwards], {E} still had it. Everything from the shops was [long gone|forgotten].
* {Warm_heart}. It is [a fine thing|lovely] to be given something, [and finer to give|but to give is finer still].

== seed (long)
seed / wait / plant / result
flat striped seed / It rained and it shone, and nothing stirred / a sunflower / It grew [past the window, past the door|past the door and the window], and [looked|nodded] over the fence [at the road|to everybody who went by]
round brown pea / A snail came by and left again / a sweet pea / It climbed [up the string|hand over hand] to the [roof|gutter] and smelled [like|of] honey
hard black seed / The pot stood there like a pot of nothing / a watermelon / [By August|At the end of summer] there was a melon so [big|heavy] that {he} could not [lift it|carry it alone]
[tiny seed|seed as fine as dust] / {He} could not even see where it lay / a poppy / One morning [it was there|it opened], as thin as [paper|silk] and as red as [fire|a cherry]
shiny brown acorn / Winter came, and snow lay on the pot / an oak / [The oak was|It was only] as high as {his} thumb, but it had two [real|proper] oak leaves
plump white bean / For a whole week there was only earth / a bean plant / It gave {number} [long|fat] beans, and {E} [made soup of them|put them in the soup]
wrinkled yellow kernel / A crow came to look, and was chased away / a stalk of corn / It rustled in [the wind|every wind] and [bore|gave them] two golden ears
brown onion with a tip / Frost came and drew flowers on the window / a tulip / In April it [opened|stood in bloom], and a bee slept in it [overnight|one cold night]
pale pumpkin seed / It was cold, and even the worms stayed in bed / a pumpkin / [In October|By fall] it was [a round, fat pumpkin|as big as a stool], and they cut a [smile|grin] into it

* {one_day}, {E} put a {seed} into {A_own} {hand}. "[Plant it|Put it in the earth]," {E.he} said, "[and then wait|and be patient]." "[How long|For how many days]?" asked {A}. "[As long as it takes|Until it is ready]," said {E}.
* {A} found a {seed} {nook} {one_day}. "[What will it be|What grows from that]?" {he} asked. "[Plant it and see|That is its secret]," said {E}.
* {one_day}, {A} and {friend} got a {seed} each at school. [{A} ran home with it|{A} held it tight all the way home] and pressed it into [a pot of earth|the earth by the gate].
* {one_day}, {A} [swapped|gave] {junk} for a {seed}. {He} [dug a hole|made a hole with {his} finger], dropped it in, and [patted the earth|said good night to it].

* The next morning {he} [ran to look|was up with the sun]. Nothing. {He} [watered it|gave it a drink]. {wait}.
* [How {A} hurried home each day|{A} could think of nothing else]! {He} [gave it water|brought it water] and [turned the pot to the light|pulled up the weeds]. But [there was nothing to see|the earth stayed bare]. {wait}.
* {He} watered it [every day|morning and evening] and [sang to it|told it jokes]. {wait}. {A} [frowned|tapped {his} foot].
* [One day went by|A day passed], then [two|three], then [seven|ten]. {wait}. "[Is it dead|Is it asleep]?" {A} asked.

* "[I will dig it up|Let me dig it up]," said {A}, "[just to see|only for a moment]." "[Do you like it|Would you like it] when somebody pulls off your blanket?" asked {E}. {A} [put the spade away|put down the spoon].
* {Friend} had dug up {B.his} own seed to look at it. [Now it was broken|It never grew]. {A} [was sorry for {B.him}|felt like digging too], but {he} [sat on {his} hands|left the earth alone].
* {He} [picked up|already held] a [stick|spoon] to [dig|look]. Then {he} [stopped|thought of what {E} had said]. Wait, {E} had said. [And waiting|To wait] was [the hardest thing in the world|harder than running].
* "[Nothing will come of it|Throw it away]," said {friend}. {A} shook {his} head. "[It is busy|It is working] [down there|in the dark], [where we cannot see|I can feel it]," {he} said.

? {He} drew a line on the wall for every day. [One line|Ten lines], [two lines|twenty lines]. It [helped|passed the time]. {He} watered, [hoped|looked], and [went to school|went on].
? It [did not rain|was dry] for a week, so {he} carried water in [a teapot|{his} hat]. [Not a drop|Hardly a drop] was [spilled|lost].

* Then, [on a {weekday}|one bright morning], [there was|{he} saw] a [speck|dot] of green! "[It is here|It is alive]!" {he} [shouted|cried], and [all the house|half the street] came to see. It was {plant}. {result}.
* "[Come quick|Come and look]!" {A} [called|shouted] [early one day|before breakfast], and [nobody had ever seen {him} so happy|{E} ran out in slippers]. A [tip|bit] of green, [no bigger than a crumb|thin as a thread], stood in the light. It [turned out to be|was] {plant}. {result}.
* And [then|one day] the earth [cracked|lifted], [no wider than a hair|just a little]. Something green [looked out|pushed up]. It was {plant}, {E} told {him}. {result}.
* [When {he} had almost stopped hoping|Just when {he} looked away], it came [up|out]. First [a loop|a point], then [a leaf|two leaves]. It was {plant}! {result}.

* {A} got another {seed} and gave it to {B}. "[Now you must wait|For you]," {he} said, "[and I will wait with you|and I promise you, it is worth it]."
* "[You cannot pull|Nobody can pull] a plant out by its leaves to make it grow," said {E}. "[I know|No]," said {A}. "You [give it water|care for it] and [trust it|wait]."
* {Warm_heart}. {He} had [done so little|only watered and waited], [but every day|and never missed a day].
* Waiting, [thought {A}|{he} found], is [not doing nothing|also a kind of work]. It is [hoping, every day|work that nobody sees].

== quarrel
topic / mine / yours / both
which game to play / pirates / explorers / pirates who explored an unknown island
the color of the fence / red / blue / red posts and blue boards, and it was the finest fence in the street
the name of the new kitten / Tiger / Cloud / Tiger Cloud, and it came to either
which way to walk home / the short way by the road / the long way by the brook / one way going and the other way coming back
what to cook / soup / pancakes / pancakes cut into thin strips, in soup
what to sing at the fair / something fast / something sad / a song that began sadly and ended fast
where to put the swing / the apple tree / the big oak / a rope from one tree to the other, with the swing in the middle
which story to act / the dragon story / the ghost story / the story of a dragon who was afraid of ghosts
what to do with the coin they had found / candy / balloons / one balloon and two candies, one for each cheek

* {one_day}, {A} and {friend} [began to argue|had a quarrel]. It was about {topic}. {A} wanted {mine}. {B} wanted {yours}.
* {A} and {B} were best friends, and [they never quarreled|all was peace] until {one_day}. Then came the question of {topic}. "{Mine}!" said {A}. "{Yours}!" said {B}.
* "{Mine}," said {A} {one_day}. "{Yours}," said {friend}. They [were talking|could not agree] about {topic}, and [their voices grew louder|neither gave way].
* It started {one_day} with a small thing: {topic}. {A} [said|was for] {mine}, and {friend} [said|was for] {yours}. [Soon|Before long] it was not small [anymore|at all].

* "You [always get your way|never listen to me]!" cried {A}. "[And you are|You are] as stubborn as a [donkey|mule]!" cried {B}. They [stamped off|walked away], one to the left and one to the right.
* They [talked louder and louder|stopped listening]. {A} [called {B}|said {B} was] a [goose|cabbage]. {B} [called {A}|said {A} was] a [turnip|wet sock]. [After that|Then] there was [nothing left|not much more] to say, and [each went home|they went home] by [a different road|themselves].
* {A} [crossed {his} arms|turned {his} back]. {B} [stuck out {B.his} tongue|did the same]. "[Then I will do it alone|I do not need you]," said {A}. "[Good|Fine]!" said {B}, and [the gate banged|was gone].
* [One word led to another|The words got sharper]. [At last|In the end] {B} [threw {B.his} cap on the ground|said something mean], {A} said something [meaner|worse], and they both [went home|ran away].

* {A} sat [at home|in {his} room]. Now {he} could have {mine}, [but it was no fun.|but what for?] It was [so|terribly] quiet.
* The [afternoon|day] was [long|very long]. {A} had [won|got {mine}], in a way. But [whom should {he} tell|who was there to see it]? [Every game|Everything] [needed|was made for] two.
* [At first|For an hour] {A} was [angry|cross]. Then {he} was [only|just] [sad|lonely]. [Who was right|What they had said] [did not matter|mattered less] now.
* {He} [kicked a stone|ate a sandwich], and it did not help. {He} [saw|noticed] a [funny cloud|beetle], [turned to tell {B}|wanted to show {B}], and nobody was there.

* "[What is the matter|Where is {B}]?" asked {E}. {A} [told {E.him}|explained]. "Hm," said {E}. "[Do you want to be right|Would you like to be right], or [do you want|would you like] to be two?"
* {E} gave {him} [two cookies|two pears]. "[One is for {B}|They go together]," {E.he} said, [and nothing more|and went back to work].
* "[It is so quiet today|I hear nobody laugh]," said {E}. {A} [shrugged|looked at the floor]. "[A quarrel is like a knot|Pride is a heavy coat]," {E.he} said. "[Somebody has to pull the first loop|You can take it off]."
* [On the other side of the wall|Next door] {he} heard somebody [sniff|sigh]. [Could it be {B}|It was {B}]. {B} was [just as sad|lonely too].
? [A long hour|An afternoon] passed. The [clock ticked|rain ticked on the roof]. [Nobody came|Nobody whistled at the gate].

* {He} [put on {his} shoes|got up] and went to {B}. [Halfway there|On the corner] they met, for {B} had been [coming to {him}|on the way to {him}]! "[I am sorry|Sorry]," they said [at the same time|both at once].
* [Suddenly|All of a sudden] there was a [knock|tap at the window]. It was {B}. [Neither|For a moment neither] knew [how to begin|what to say]. "[I|Well, I]," said {A}. "[I, too|Me too]," said {B}, and [that was enough|they both began to laugh].
* It is [hard|not easy] to be first. But {A} [knocked|took a step]. "[I was unkind|I was mean to you]," {he} said. "[So was I|Me too]," said {B}.
* {A} wrote a [note|letter]: "Sorry. [You may choose|Let it be {yours}]." {He} [pushed it under|slid it through] {B_own} door. A [second|moment] later a note came back: "[No, you choose|Let it be {mine}]." They [both had to laugh|laughed through the door].

* Then they [sat down|put their heads together] and [thought|talked]. "[Why not both|Could we not have both]?" said {B}. And [that was it|so it was settled]: {both}.
* {E} [gave them|brought] a sheet of paper. {A} wrote [at the top|down] {mine}, and {B} wrote {yours}. They [looked at it|turned the paper around] [for a long time|from both sides]. [And then they had it|Then they both spoke at once]: {both}.
* "[How about|What if we take] a bit of each?" [asked|said] {A}. [They tried it|It took some thinking]. In the end it was {both}.
* [This time|Now] each of them [listened|let the other speak]. And [what did they choose|what came out]? It was {both}.

* It was better than {mine}, and [better than|it also beat] {yours}. [Neither would have thought of it alone|It took two to find it].
* They [quarreled again|had other quarrels], [now and then|of course]. But they [made up|said sorry] [faster|sooner] every time.
* {Warm_heart}. [A friend|Having a friend] is worth more than [being right|the last word].
* "[Next time|When we fight again]," said {B}, "[let us say sorry first|we could skip the shouting]." "[And argue after|Good plan]," said {A}.

== skill (long)
skill / fail / tip / use
ride a bicycle / [wobbled and fell into the hedge|rode two yards and landed in the hedge] / Look at where you want to go, not at your wheels / {He} [looked at|kept {his} eyes on] the church tower, and the bicycle [ran|went] straight
swim / [swallowed half the lake and sank|sank like a spoon] / Lie on the water as if it were your bed / {He} lay [back|there] as if in bed, and the water [held|carried] {him}
whistle / [blew and blew, and only spit came out|blew, and there was no sound but air] / Make your lips small, as if you kissed a mouse / {He} [kissed|made lips for] a mouse that was not there, and out came a [clear, high|thin, clear] note
skate / [sat down on the ice, again and again|slid, waved both arms, and sat down hard] / Bend your knees and lean forward a little / {He} bent {his} knees, leaned [forward|a little], and [glided|flew along]
juggle / [dropped every ball on {his} own head|had to crawl after the balls] / Throw them all to the same height and watch the top / {He} watched the top, and the balls went around [like the moon|and around]
tie a bow / [made a knot that nobody could open|tied {his} thumb to {his} shoe] / Make two rabbit ears and let them cross / Two rabbit ears, cross, and pull: there was the bow
bake bread / [took a black brick from the oven|made something that the birds would not eat] / Give it time to rise, and do not make the fire so big / {He} [let the dough rise|gave the dough two hours] and kept the fire [small|low], and the bread came out [golden|round and brown]
play the flute / [made a sound like a goose with a cold|scared the cat off the sofa] / Breathe with your belly, and blow across the hole / {He} [breathed deep|filled {his} belly with air] and blew across the hole, and a [soft|round] tone [filled the room|hung in the air]
walk on stilts / [fell forward, backward and sideways|sat in the grass before {he} could count to two] / Keep moving, for only those who stand still fall / {He} kept [moving|going], [one step and another|step, step, step], [all the way to|as far as] the gate
row a boat / [went around in a circle until {he} was dizzy|splashed a lot and came no farther] / Pull both oars at once and count aloud / "One, and two," {he} counted, and the boat went straight as a string
catch a ball / [shut {his} eyes each time, and the ball bounced off {his} chest|grabbed at the air while the ball rolled away] / Keep looking at it until it is in your hands / {He} kept {his} eyes wide open, and the ball landed in {his} {hands}

* {A} wanted to learn to {skill}. {one_day}, {he} tried it for the first time and {fail}.
* "[I wish I could|If only I could] {skill}," said {A} {one_day}. {Friend} could do it already, [and it looked so easy|as if it were nothing]. {A} tried, and {fail}.
* {one_day}, {A} [made up {his} mind|decided]: {he} would {skill}. [How hard could it be|It looked easy]! {He} [began|started], and {fail}.
* Everybody in the family could {skill}, [only {A} could not|everybody but {A}]. {one_day}, {he} [practiced|tried it] in secret, and {fail}.

* Somebody [laughed|giggled]. {A} [turned red|wished {he} were a stone]. {He} tried [again|once more], and it was [no better|the same].
* {He} [rubbed {his} elbow|counted to ten] and [began again|went at it again]. {He} {fail}. "[Some people can, and some cannot|Others are born with it]," {he} [thought|grumbled], and [kicked the ground|threw {himself} down in the grass].
* {He} tried a second time, and {fail}. {He} tried a third time. "[I will never learn it|I am no good at it]," {he} [said|wailed].
* That was [Monday|the first day]. On [Tuesday|the second day] it was [worse|no better], and [after that|then] it was the same again: {he} {fail}.

* {E} had [seen it|been watching]. "May I tell you [a secret|something]?" {E.he} asked. "{tip}. [That is all|That is how I learned it]."
* [In the evening|Over the garden gate], {A} [asked around|complained to {E}]. "[I know the trouble|That is an old trouble]," said {E}. "[You try too hard|You do too much at once]. [Listen.|Do it this way.] {tip}."
* {Friend} did not laugh. "I [fell too|was bad at it too], [for weeks|until somebody told me something]," said {B}. "{tip}."
* "[Why can I not do it|What do I do wrong]?" {he} asked {E}. {E} [thought|smiled]. "[When I was little|Long ago], my [uncle|teacher] told me this," {E.he} said. "{tip}."

? {A} [said it again|repeated it] [all the way home|in bed]: "{tip}." {He} even [dreamed of it|wrote it on a scrap of paper].
? "[Is there nothing else|Is that all]?" asked {A}. "[That, and time|That, and to try again]," was the answer.

* The next [morning|day], {he} tried it [like that|that way]. At first {he} {fail}. [But then|But the second time] it happened. {use}!
* {A} [thought it was too simple|had little hope]. But [when nobody was looking|early the next day], {he} [gave it a try|went out alone]. And see! {use}. {He} did it [again|once more], [to be sure|and then ten times].
* {He} took [a deep breath|one more try], and remembered the words. {use}. "[I can do it|Did you see that]!" {he} [yelled|cried].
* It did not work [at once|right away]. It [took|needed] [a week|twenty tries]. Then, on [a {weekday}|an ordinary afternoon], [it was there|it came]. {use}!

* [Soon|A month later] {he} could {skill} [better than anyone|in {his} sleep]. And when a [small|little] [child|neighbor] [came and failed|could not do it], {A} did not laugh. {He} gave the tip.
* "[How did you learn it|Who taught you]?" people asked. "[I fell down|I did it wrong] [a hundred times|often]," said {A}, "[and listened once|and then somebody told me how]."
* {Warm_heart}. It is [no shame|all right] to fail. [It is|That is] [how learning looks from outside|the first half of learning].
* {He} [never forgot|kept in mind] what it was like before. [Everything is hard|All things are hard] before it is easy.

== trade

* {A} wanted {prize}. It stood in the window of {trader4}, [and it cost a lot|but {he} had no money]. {one_day}, all {he} had was a {item}.
* "[I will trade you for it|I would swap it]," {trader4} said {one_day}, when {A} asked about {prize}, "for a {item4}." But {A} had only a {item}.
* {one_day}, {A} stood in front of {trader4} with a {item} under {his} arm. "[Can I have|Could I get] {prize} for this?" {he} asked. "No," said {trader4}, "[but you can for|but bring me] a {item4}."
* In the shop of {trader4} [lay|was] {prize}. {one_day}, {A} [took|brought] a {item} to trade. {Trader4} [shook a gray head|smiled]. "[That is not what I need|I have one of those]," {trader4} said.

? "[What can you do with|Who would want] a {item}?" asked {friend}. "[Let us find out|Somebody needs it]," said {A}. "[Come with me|Will you come along]?"
? {A} did not [give up|hang {his} head]. [Somebody in {village}|Somewhere somebody] [had to|was sure to] need a {item}. {He} whistled and [walked on|went down the street].

* On the [corner|bridge] {he} met {trader}. "[If I only had|I need] {item.need}," said {trader}. "[Take this|How about that]," said {A}, and [held out|gave away] the {item}. In return {he} got a {item2}.
* First came {trader}, [who looked worried|in a hurry]. "Have you got {item.need}?" {A} had! The {item} [changed hands|went one way], and a {item2} [came back|went the other].
* "Ah, a {item}!" said {trader}, [who was standing in a doorway|at the next house]. "[Just what I need|I was looking for that], {item.need}. I [can give|will give] you a {item2} for it." [They shook hands|It was a deal].

* [At the well|Next], {he} heard {trader2} [complain|sigh]. "I [need|am looking for] {item2.need}." "[Here you are|Look]," said {A}, "a {item2}." {Trader2} [was delighted|clapped] and gave {him} a {item3}.
* Then {trader2} [waved|called to {him}]. "[Is that a|You have a] {item2}? I [want|have always wanted] {item2.need}! I only have a {item3} to give." "[That is fine|I like it]," said {A}.
* Now what? A {item2} was [no good to {him}|not yet what {he} needed]. But {trader2} [stopped|turned around]. "That is {item2.need}," {trader2} said. And [so|in exchange] {A} walked on with a {item3}.

* In the [market|square] stood {trader3}. "[I would give a lot for|What I need is] {item3.need}," {A} heard. The {item3} [was gone in a moment|found a new home], and {he} had a {item4}.
* {A} [carried|took] the {item3} to {trader3}, who had [asked for|long wished for] {item3.need}. "[For you|In return]," said {trader3}, "a {item4}." {A} [almost|nearly] [dropped it|danced].
* "[Hello, {A}|You there]!" said {trader3}. "[May I have|Would you give me] that {item3}? I need {item3.need}." "[Of course|Gladly]," said {A}, "if you [have|can spare] a {item4}." And {trader3} [did|had one].

* {He} ran back to {trader4} with the {item4}. "[At last|How wonderful]," said {trader4}, "{item4.need}!" And [now|so] {A} was the [proud|happy] owner of {prize}.
* "[A {item4}|Here is a {item4}]!" cried {A}. {Trader4} had [needed|been wanting] {item4.need} [for so long|all year]. {A} was handed {prize} [over the counter|without another word].
* {Trader4} took the {item4} and [was happy|laughed], for it was {item4.need}. Then {trader4} [reached into the window|opened the case] and gave {A} what {he} had [dreamed of|come for]: {prize}.

* All that for a {item}! And [everyone|each one] was {glad}, because [each had|they all had] what [they needed|was needed].
* {A} had [lost nothing|cheated nobody] and made [four|no fewer than four] people happy. [That is|It is] the best kind of trade.
* {Warm_heart}. [A thing|Something] that is no use to you may be just what [somebody else needs|another is waiting for].
* "[Are you rich|Did you buy that]?" asked {E}. "[Not at all|No]," said {A}. "I [just|only] [asked|listened to] what people needed."

== market

* "Please [go to the market|run to the shop] and bring me three things," {E} said to {A} {one_day}: "{grocery}, {grocery2} and {grocery3}."
* {one_day}, {E} [gave {A} a basket|called {A} and took down the big basket]. "[We need|Bring me] {grocery}, {grocery2} and {grocery3}," {E.he} said. "[Can you remember that|You do not need a list, do you]?"
* {A} was [big enough|old enough] to do the shopping alone {one_day}. "[Three things|Only three things]," said {E}: "{grocery}, {grocery2} and {grocery3}. [Do not forget|Say it back to me]."

* "{Grocery}, {grocery2}, {grocery3}," {A} [sang|said to {himself}] [all the way|at every step]. It [almost|nearly] made a [song|march].
* {He} [walked along|hopped down the lane], and the words hopped with {him}: {grocery}, {grocery2}, {grocery3}. [Left, right, left|Over the bridge they went].
* {A} [used|counted on] {his} fingers. [Thumb|First finger]: {grocery}. [Next finger|The one beside it]: {grocery2}. [And then|Last one]: {grocery3}.

* At the corner {friend} [called {him} over to talk about|wanted to show {him}] {junk}. [It was very interesting|They laughed a lot]. When {A} walked on, [the words were gone|one word had slipped away].
* Then [a band|a circus wagon] came down the road, with [drums|a trumpet] and [an elephant|two white horses]. {A} [stopped|stared]. [When it was over|Afterward], {his} head was full of [music|noise], and not of [shopping|groceries].
* On the bridge {he} [tripped|stumbled]. [No bone was broken|{He} was not hurt], but the [list in {his} head|song] had [a hole|a hole in it].

* In the shop {he} asked for {grocery}. {He} asked for {grocery2}. [And then|But what else]? {He} [scratched {his} head|stood there]. [What was the third thing?|Something was missing.]
* "{Grocery}, please, and {grocery2}," {he} [said|told the shopkeeper]. "Anything else?" {A} [opened {his} mouth and shut it|went pale]. There was a third thing. [But which|What was it]?
* [Two things|The first two] were easy: {grocery} and {grocery2} [went into|were soon in] the basket. And the last? [It was gone|It had flown away].

? "[Was it|Did you want] {grocery4}?" asked {trader}, who [stood behind {him}|was waiting too]. "No," said {A}. "Was it {grocery5}?" "[No|Not that either]."
? {He} [walked|looked] along the shelves. {Grocery4}? No. {Grocery5}? [That was not it|No, no]. {Sank}.

* {Friend} [had come in|was just coming through the door]. "[Go back to the beginning|Walk back in your head]," {B.he} said. {A} [closed|shut] {his} eyes. [The gate, the lane, the song|{E}, the kitchen, the basket]. "[I have it|Yes]! It was {grocery3}!"
* {He} [hummed the song|began from the start] [very softly|once more]: "{Grocery}, {grocery2}," and [all by itself|then, all alone] [the rest|the third] came: "{grocery3}!" [The shopkeeper laughed|Everybody clapped].
* {A} [looked at {his} fingers|started over]. "{Grocery}. {Grocery2}. And [the third was|the last one was]..." {He} [jumped|laughed]. "{Grocery3}!"

* At home {E} [looked into|unpacked] the basket. "{Grocery}, {grocery2} and {grocery3}," {E.he} said. "[Not one thing is missing|It is all here]!"
* {He} carried everything home [without stopping|in both arms]. {E} counted: {grocery}, {grocery2}, {grocery3}. "[Well done|I knew I could rely on you]," {E.he} said.
* "[Did you get everything|Have you forgotten anything]?" asked {E}. {A} put {grocery} on the table, then {grocery2}, and [with a bow|last of all] {grocery3}.

* "[I did forget|I nearly forgot]," said {A}, "but I [found it again|knew where to look]." [And that|That] is [nearly as good as|even better than] never forgetting.
* [From then on|After that], {A} did the shopping [each week|every time], and [made a new song|had a new song] [for it|each time].
* {Warm_heart}. What you sing [stays|is hard to lose], [even|also] when elephants walk by.
* {E} cut {him} a thick slice of cake. "[A good head|Such a head] needs [something sweet|food]," {E.he} said.

== trick (people long)
cry / joke / real / who_helps
"Fire! Fire!" / there was [only a candle on a cake|no fire, only a burning candle] / [sparks|a spark] from the chimney set the hay on fire / carried water [from the well|in two buckets] until [the last spark|the fire] was out
"Help, I am stuck!" / {A} was [standing in|sitting in] an open [doorway|window] / the [old|heavy] door fell shut, and {he} was [locked in the dark cellar|a prisoner in the cellar] / [heard|followed] the knocking and turned the [key|rusty key]
"A wolf! A wolf!" / it was [a gray coat on a hook|only the neighbor's fluffy dog] / a real wolf [stood by|crept around] the sheep pen / [came with a lantern and a drum|beat a drum] and [drove it off|chased it back to the woods]
"The boat is sinking!" / the boat was [as dry as a biscuit|tied to the pier] / the boat [sprang a leak|filled with water] in the middle of the lake / [rowed out|came with the big boat] and pulled {him} [over the side|out]
"My leg! My leg!" / {A} [got up and danced|stood up and hopped away] / {he} [slipped from|fell off] the wall and [really|truly] hurt {his} leg / [heard the crying|knelt down] and carried {him} home
"The cow is loose!" / the cow [was chewing|was fast asleep] in her stall / the cow [pushed open the gate|broke the gate] and ran [into the corn|down the road] / caught [the cow|her] by [her|the] rope[, far from home|]
"Flood! Flood!" / [somebody|{A}] had [spilled|knocked over] a cup of tea / the brook [rose over its banks|rose] and [ran|came in] under the door / [brought|dragged up] [sandbags and a broom|four bags of sand]
"A bear, a bear!" / it was [{E} in a fur hat|a brown rug on the fence] / a [young|real] bear was [eating honey|licking jars] on the porch / banged [two pots|a spoon and a pan] together until it [trotted off|ran away]

* {A} liked [jokes|to play tricks]. {one_day}, {he} shouted, {cry} Everybody [came running|dropped everything]. But {joke}. {A} [laughed until {he} cried|held {his} belly].
* [Nobody|No one] in {village} was as fond of tricks as {A}. {one_day}, {he} [climbed on a barrel|took a deep breath] and [yelled|called]: {cry} [How they ran|They all came running]! Then they saw it: {joke}. [Only {A}|Nobody but {A}] laughed.
* {cry} It happened {one_day}: {A} was [screaming|calling]. {E} [ran|came] [in socks|with soap in {E.his} hair]. But {joke}! "[Fooled you|It was a joke]," said {A}.
* {one_day}, {A} was bored. "[What would happen|I wonder what happens] if I shout?" {he} thought. {cry} [Doors flew open|People came from every side]. But {joke}, and {A} [grinned|bowed].

* "[That is not funny|Do not do that]," said {E}. "[One day|Some day] you will [call|need us], [and nobody will come|and we will think it is a joke]." {A} [only giggled|was not listening].
* [Somebody's soup had burned|An old man had lost a slipper on the way]. "[It is a bad game|Such a joke costs too much]," said {friend}. "[When you need us|If it is ever real], how shall we know?" {A} [shrugged|was still laughing].
* {Friend} was [out of breath|angry]. "[I was really afraid for you|I left my supper for that]," said {B}. "[Words are like coins: nobody takes false ones.|Be careful. Who will believe you next time?]"
* "Ha, ha," said {friend}, [but did not laugh|in a flat voice]. "[Do that again|One more time], and I will [not believe you|stay in my chair]." "[We will see|You always come]," said {A}.

* The next day {he} did it again. {cry} [Fewer people came|Only half of them came]. [They saw that|Once more,] {joke}, and they [went home grumbling|shook their heads].
* [Did {A} listen|Had {he} learned anything]? [Not at all|Not one bit]. {cry} [came the shout again|it sounded again], [at lunch|in the middle of the night]. [Again|And again] {joke}. After that, [people only shrugged|most of them stayed at home].
* It was [such fun|so funny] that {he} did it [twice more|a second time, and a third]. {cry} [In the end|At last] [nobody|hardly anyone] [got up|looked out of the window].
? {A} [was pleased with {himself}|thought it was a fine game]. "They [run like chickens|jump like frogs]," {he} said.

* [But then|A week later], it [was no joke|came true]: {real}! {cry} {he} [screamed|shouted], and meant it. [Nobody moved|No one came].
* [Some time later|On a dark and windy evening], {A} was not [joking|playing]. {real}. {cry} [{His} voice cracked|{He} called until {he} was hoarse]. But the [doors stayed shut|street stayed empty].
* And then, {one_day2}, {real}. {cry} [called|cried] {A}. "[There {he} goes again|Not again]," [people said|said the neighbors], and [went on eating|shut the window].
* [Three days later|Soon after that], {real}. {A} [shouted as loud as {he} could|cried out]: {cry} [All {he} heard|The answer] was [silence|somebody's laugh].

* Only {B} [listened|stopped]. [There was|{B.He} heard] something [different|new] in that voice. {B.He} [came running|dropped everything]. {B.He} {who_helps}.
* {B} [put down {B.his} spoon|stood still]. "[And if it is true|What if it is real this time]?" {B.he} [asked|thought]. [So|Just to be sure,] {B.he} [went to look|ran], and {who_helps}.
* [One|Just one] of them [got up|lost no time]: {B}. "[Better a fool than too late|I would rather be fooled ten times]," {B.he} said. {B.He} {who_helps}.
* [Minutes|Long minutes] went by. Then [at last|luckily] {B} came [after all|to see]. {B.He} {who_helps}.

* {A} was [shaking|white]. "[You came|You believed me]," {he} said, "[although I lied so often|after all my lies]." "[This time|Just this once]," said {B}. "[Do not make it hard for me|I nearly did not]."
* {A} [could not speak at first|held on to {B_own} sleeve]. "[Why did you come|How did you know]?" {he} asked. "[I did not know|I was not sure]," said {B}. "[But a friend goes and looks|I came all the same]." {A} [hung {his} head|was sorry from head to toe].
* "[I am sorry|Forgive me]," {A} said to [everyone|{E} and all the neighbors]. "[I will never|I promise not to] [cry for help|shout like that] for fun again." And {he} [kept to that|never did].
* [Afterward|Later on], {A} went from door to door [and said {he} was sorry|to say sorry]. It [took all evening|was a long street], [but it had to be|and not everyone smiled].

* It [took a while|was a long time] before people [believed|trusted] {him} again. [Trust is quickly broken, and slowly mended|A trick takes a minute, and trust takes a year].
* [After that|From then on], when {A} [told|brought] news, [people looked at {his} eyes first|nobody ran at once]. [Bit by bit|Very slowly], with [a hundred|many] true words, {he} [paid for|mended] the false ones.
* [{He}|{A}] still [told jokes|liked jokes], [but only|now only] the sort [at which everyone laughs|that frightens nobody].
* If you [tell|say] the truth [every day|always], [it will be believed|people will come] [on the day you need it|when it counts].

== kindness (people long)
helper / trouble / help / later / payback
mouse / had its tail caught in a drawer / [opened|pulled out] the drawer and [rubbed its tail|set it free] / [dropped|lost] the house key down a crack in the [floor|steps] / slipped [into the crack|down] and came [back|up] with the key [in|between] its teeth
crow / had a thread around its foot / [cut the thread|snipped it off] with [small|{his}] scissors / lost the way in [the wide|a huge] corn field / flew ahead, [cawing|calling], [from post to post|a little way at a time] until [the road was in sight|they came to the road]
frog / sat in a dry ditch, far from water / [carried|took] it to the pond in {his} [cap|wet {hands}] / [let {his} shoe fall|dropped {his} shoe] into the pond / [dived down|swam out] and [pushed the shoe to the shore|brought the shoe back]
beetle / lay on its back and could not get up / [turned it over|set it on its feet] with a [straw|blade of grass] / could not find {his} [last|lost] button in the dark [grass|meadow] / sat [on the button|right beside it], glowing like a [green|tiny] lamp, for it was a firefly
goat / had its horns stuck in the fence / [bent|pulled] the wire [until it was free|aside, bit by bit] / could not [pull|get] the [heavy|full] cart out of the mud / put its [strong|hard] horns against [the cart|the wheel] and [pushed|pushed until the wheels turned]
swallow / had fallen from the nest / put it back, [standing|balancing] on [three|four] boxes / [was lost in the fog on the lake|rowed out, and fog came down over the lake] / flew [slowly ahead|in front of the boat], low over the water, straight to the [shore|pier]
old dog / was hungry and nobody's / [shared|split] {his} [sandwich|bread and cheese] with it / [fell|sank] into a [hole|pit] in the snow / barked and barked until {E} [came|ran up] with a [rope|ladder]
hedgehog / was stuck in an empty can / [pulled|twisted] [the can|it] off, [very gently|with a bit of oil] / had a [garden|lettuce bed] full of [hungry|fat] slugs / [came every night|moved in under the hedge] and ate [the slugs|them] until the [lettuce was safe|last one was gone]
bee / was floating in the water barrel / lifted it out on a leaf and [let it dry|laid it] in the sun / stood before [ten|twelve] paper flowers at the fair and had to [find the one|guess which one] that was real / flew [straight|right] to the real [flower|one], and [so {he} won|that was the answer]
donkey / had a stone in its hoof / [took|got] the stone out with a [spoon|bent nail] / [had sprained a foot|could not walk], far up on the [hill|mountain] / [knelt down|stood still], let {him} climb [on|up], and [carried {him} home|trotted all the way down]

* {one_day}, {A} [met|came upon] a {helper} that {trouble}. "[Poor thing|Wait, I will help you]," {he} said. {He} {help}.
* [Nobody saw it but {A}|Most people would not have noticed]: a {helper} {trouble}. It was {one_day}, [and {he} had things to do|and rather late]. But {he} [knelt down|put down {his} bag]. "[Hold still|Easy now]," {he} said. {He} {help}.
* A {helper} {trouble}. It was {one_day}, and [many people went by|everyone was in a hurry]. {A} [stopped|was in a hurry too, but {he} stopped]. {He} {help}.
* {one_day}, on the way to {shop}, {A} heard [something|a faint sound]. It was a {helper}. It {trouble}. {A} [did not think twice|bent down]. {He} {help}.

* "[Why bother|What is the use]?" asked {friend}. "[It is only a|A] {helper} [will not even say thank you|cannot pay you back]." "[It need not|I do not want anything]," said {A}.
* The {helper} looked at {him} [for a long moment|with round eyes]. Then it was [gone|off and away]. "[You are welcome|Take care]!" {A} called after it.
* It [gave a small sound|blinked twice], and [maybe that was a thank-you|then it went its way]. {A} [brushed off {his} knees|washed {his} {hands}] and [thought no more of it|went on].
* {Friend} [laughed|smiled] a little. "[You and your animals|You would help a stone]," said {B}. "[You have made yourself late|Now your shoes are dirty]." "[I know|That does not matter]," said {A}, who was [glad|content].
? {A} told {E} about it. "[No kindness is lost|A good deed has long legs]," said {E}. "[It walks around the world|It goes a long way around] and comes back." [{A} thought that was a funny idea|{A} liked that].

* [Weeks went by|Time passed]. [Nobody thought of it anymore|{A} nearly forgot]. Then, {one_day2}, {he} {later}.
* [A season came and went|The leaves turned and fell]. [And then|Until] it was {A} who needed help: {one_day2}, {he} {later}.
* [Not long after|One week later], {A} was in trouble {himself}. {He} {later}. {Sank}.
* [And now listen|But the story goes on]. {one_day2}, {A} {later}. "[What shall I do|What now]?" {he} said, [and looked around|but nobody was near].

* {He} [called|looked for help]. [No answer came|There was nobody]. {He} [tried alone|did what {he} could], [and failed|and it was not enough].
* What [now|could {he} do]? {B} was [far away|at home], {E} was [far away|busy], and {his} own two {hands} [were not enough|could not do it].
* "[Hello|Help]!" {he} [called|shouted]. [Only the wind answered|Not a soul was near]. {He} [was on {his} own|had never felt so alone].
? {A} [sat down|rubbed {his} eyes] and [tried not to cry|thought and thought]. [Nothing helped|No idea came].
? [It began to get late|The sun was low]. "[If only somebody were here!|Is nobody there?]" {he} said.

* Then [something moved|there was a sound]. It was the {helper}! It {payback}.
* [All at once|Just then] {he} was [not alone|alone no more]. A {helper} [looked at {him}|was there], [and {he} remembered those eyes|the very same one]. It {payback}.
* [Who was that|And who came there]? {A} knew it [at once|right away]: the {helper}. It {payback}.
* "[Is that|Can that be] you?" [whispered|cried] {A}. Yes, it was the same {helper} that [{he} had helped|{trouble} before]. It {payback}.

* "[Thank you|Thank you, friend]," said {A}. The {helper} [seemed to nod|blinked], [as if to say that they were even|and was gone again].
* When {B} heard [of it|the story], {B.he} was [quiet|silent]. "[So it did say thank you, in its own way|I take it back: no one is too small]," {B.he} said [at last|in the end].
* {Warm_heart}. [Help|To help] is like a [ball|seed]: [throw it, and it may come back|you never know where it comes up].
* It is [true|an old truth]: [no kindness gets lost|what you give comes back], [even if it takes its time|though often by another road].

== treasure

* {one_day}, a [letter|note] lay [on the mat|under the door]. "[Dear {A}|For {A}]," it said, "find what I have hidden. {spot.riddle}." [Nobody had signed it|There was no name under it].
* {one_day}, the [wind blew|postman brought] a [letter|card] [right to {A_own} feet|for {A}], with no name on it. "[If you are clever|If you like puzzles]," it said, "[start here|begin like this]: {spot.riddle}." {A} [called|ran to fetch] {friend}.
* {A} opened an old book {one_day}, and a [paper|slip of paper] fell out. It [said|read]: "{spot.riddle}." "[A riddle|A treasure hunt]!" said {A}.
* "[Look what I found|See what I have]!" said {friend} {one_day}, and held up a bottle with a [letter|note] in it. {A} [read it aloud|unrolled it]: "{spot.riddle}."

* {He} [thought|frowned]. {Friend} thought too. "[I know|I have it]!" {A} [said|cried]. "It is [the place|somewhere] {spot}!" They [ran|went] there, and [indeed|yes], there was a second note.
* {A} said it [aloud|slowly], [twice|once more]. Then {friend} said it. "[Wait|Hold on]," [said|cried] {A}, "[there is such a place|I walk past it every day]!" They [raced|hurried] off. {spot} [was|hung] a new [paper|note], just [for them|as they had hoped].
* "[What can that mean|Where is that]?" asked {friend}. {A} [walked up and down|looked out of the window], and then [saw it|laughed]. It meant {spot}! And there they found [another|a new] note.
* It took {A} [a moment|a while]. Then {he} [took {friend} by the hand|called {friend}], and off they went. {spot}, [just as the riddle said|as {he} had guessed], a note was waiting.

* It said: "{spot2.riddle}." "[This one is harder|Hmm]," said {B}. "[No|Wait], it must be {spot2}," said {A}. [It was|And so it was]: there, {spot2}, [hung|lay] a third note.
* "{Spot2.riddle}," read {B}. They [looked at each other|both thought hard]. "{Spot2}!" they [cried|shouted] [together|at once]. [Out of breath|Soon] they [got there|arrived] and found the next note.
* The [second|new] riddle was: "{spot2.riddle}." {B} [solved it|was the first to guess]. They had to look {spot2}. [There|And there] was a third note, [a bit damp|held down by a stone].

? A [cloud came up|few drops fell], and {B} [wanted to go home|was tired]. "[One more|Just the last one]," [begged|said] {A}. "[It cannot be far|We are so close]."
? On the way {B} [slipped|lost a shoe], and {A} [waited|helped {B.him}]. "[You could have gone on alone|You would be faster without me]," said {B}. "[It takes two to hunt|I do not want to]," said {A}.

* "{Spot3.riddle}," was the last [one|riddle]. {A} [knew it|smiled]. [Every day|Many times] {he} had [walked past|been there]. "It is {spot3}," {he} said.
* The last note said only: "{spot3.riddle}." [For a long time|At first] [nobody spoke|they found nothing]. Then {B} [pointed|snapped {B.his} fingers]. "[Of course|I see it]," {B.he} said. "{Spot3}!"
* {A} read: "{spot3.riddle}. [This is the last riddle|You are almost there]." They [needed|had] [no time at all|three wrong guesses first], [and then they knew|and then {A} knew]: it was {spot3}.

* And there it was, {spot3}: {prize}! [Beside it|Next to it] lay a card. "[For two good heads|For those who think], from {E}."
* They looked {spot3}, and [found|pulled out] {prize}, [wrapped in a cloth|in a box with a bow]. "[Who hid it|Who did this]?" asked {B}. [Behind them|From behind a tree] {E} [coughed|began to laugh].
* {A} reached [in|out], and {his} {hand} touched [something|paper]. It was {prize}! [And who|Who] [came walking up|stepped out of the shadow]? {E}, [with a wink|who had written every note].

* "[The prize is nice|I like the prize]," said {A}, "but [the looking|hunting for it] was [the real treasure|better]." And they [planned|began to write] [the next hunt|a hunt for {E}].
* They [took turns with it|shared it], [of course|for {A} would never have found it alone].
* {Warm_heart}. {spot}, {spot2}, {spot3}: {he} [would never pass|could not pass] those places again without [a smile|smiling].
* "[You solved them all|How clever you are]," said {E}. "[We are|Only because we were] two," said {B}, "[and one of us always knew|so we had twice the ideas]."

== greedy
food / more / bad / fix
strawberries / ate [every ripe one|the red ones] and then the [unripe|green] ones / {His} belly hurt, and [red spots came out all over {his} face|{his} face was covered with red spots] / picked a [new basket|whole new basketful], and did not eat [one of them|even one]
cream buns / ate {number} cream buns behind the door / The last [bun|one] was [one too many|too much], and {he} had to lie [down on the floor|flat on the floor] / baked [a new batch|new ones] with {E}, and [carried|took] [it|the tray] to the guests
nuts / pushed both {hands} into the jar and grabbed all {he} could / {His} fists were so [full|fat] that they [would not|could not] come out again / opened {his} {hands}, [let go|let the nuts fall], and took [two|three] [nuts|of them] at a time
honey / tipped the whole jar over one slice of bread / It ran [over|across] the table, down {his} legs, and the ants [came|had a feast] / scrubbed the floor and [gave {his} own share to the bees in winter|had no honey for a month]
pears / filled {his} sweater until it was as round as a barrel / The seam [burst|tore], and the pears rolled into the [river|ditch, one by one] / [made do with|took] two pears, and [thanked the tree|gave one away]
candy / stuffed the candy into {his} mouth, {number} pieces at once / {His} teeth stuck [together|fast], and {he} could not [say a word|speak] until [supper|the clock struck eight] / put the rest in a bowl and [passed it around|offered it to everyone]
pudding / crept into the pantry and emptied the bowl / {He} [felt so ill|was so sick] that {he} [could not go to the fair|missed the fair] / told the truth and [cooked|made] a new pudding, stirring until {his} arm [ached|was tired]
popcorn / put the whole bag of corn into the pot / It [puffed and popped|popped like thunder], lifted the lid, and filled the [kitchen|room] [up to the windows|up to {his} belly] / invited [the entire|the whole] street to come with [bowls|bowls and bags]

* {one_day}, [they had|{E} had got] plenty of {food} at home. "[This is for all of us|The guests will want some too]," said {E}. "[Take a few|You may have a little]." {A} [nodded|promised].
* "[Just a taste|Only a little]," said {E} {one_day}, when {A} saw the {food}. "[Some of it is for {B}|{B} will want some too]." {friend} was coming [that day|later].
* {one_day}, the [kitchen|whole house] smelled of {food}. {E} [was called away|had to go out]. "[Do not touch it all|It must last till Sunday]," {E.he} told {A}. "[I won't|Never]," said {A}, [and meant it|who was already hungry].
* {A} loved {food} more than [anything|any other food]. {one_day}, {E} [set out|brought home] such a load that {his} eyes grew [round|big]. "[Leave some|Think of the others]," {E.he} said.

* {A} had some. [Delicious|How good that tasted]! {He} took more. "[A little more|Nobody counts]," {he} [said|thought].
* [One little taste|A first bite]. [Then another|A second]. [After the third|Soon] {A} no longer [counted|thought of anyone]. [It was so good|More, more], and [nobody was looking|the door was shut].
* First {he} was [careful|polite]. But [when {E} went out|the moment {he} was alone], a [small|greedy] voice said, "[More|Take more]!"
* {He} [looked at|smelled] the {food}. {He} walked away. {He} [came|walked] back. {His} {hands} [moved by themselves|did not ask {him}].
? "[Leave some for me|Don't forget me]!" {friend} called [through the window|from the lane]. "[Yes, yes|There is plenty]," {A} called back.

* {He} {more}. [And then it happened|That was a mistake]. {bad}.
* What did {he} do? {He} {more}! [Anyone could have told {him}|You can guess] how that would end. {bad}.
* {He} did not stop. {He} {more}. [It served {him} right|It had to end badly]. {bad}.
* "[All mine|Mine]!" {he} [said|whispered], and {he} {more}. [Not for long|The joy was short]. {bad}.

* "[Oh|Ooh]," [moaned|groaned] {A}. {E} [came in|stood in the doorway] and [saw|understood] everything. "[Was it good|Was it worth it]?" {E.he} asked. "[Only the beginning|The first bit was]," said {A}.
* {B} came [in through the back door|with a spoon and a smile]. "[Where is my share|Is there any left]?" {B.he} asked. {A} [could not look at {B.him}|hung {his} head].
* [Just then|At that moment] the door opened, and there stood {E}. {A} [wished {he} could sink into the floor|turned as red as a beet]. "[I could not stop|I only wanted a bit]," {he} [said|stammered]. "[That is how it begins|It is always only a bit]," said {E}.
* There {he} was, and [everyone|{B}] could see it. {He} was [ashamed|sorry]. "I [wanted it all|took too much]," {he} said, "and now I have [nothing|less than nothing]."

* "[Can you make it good|How will you put it right]?" asked {E}. {A} [thought|wiped {his} face]. Then {he} {fix}.
* [Saying sorry|To be sorry] was [a start|good], [but not enough|and doing something was better]. {A} {fix}. And [with every minute|as {he} worked] {he} felt [lighter|better].
* {He} [wanted to make up for it|had to put it right]. So {he} {fix}. It [took a while|was the right thing].
* [But a mistake|A mistake] is not the end. {A} [got up|asked {B} to wait]. {He} {fix}.

* {B} [ate|had some] and [licked {B.his} lips|smiled]. "[It tastes best|It is always better] [together|in company]," said {B}. {A} [had to agree|found that it was true].
* "[Enough|Just enough] is [as good as a feast|the best amount]," said {E}. [Now|This time] {A} knew what [it meant|that meant].
* [Since then|From that day], {he} counts: one for me, one for you. [It comes out even|And there is always enough].
* {Warm_heart}. [Anyone who|Whoever] wants everything [loses|may lose] the best part.
"""

# ---- The data card; `stories.py` puts in the numbers and ten stories.
CARD = """
# Stories

Children's stories in simple English, written by a grammar of our own. They are for teaching runs: small models learn
something readable from them within minutes on a laptop, and what happens in a story follows from what was said before, so
there is something to learn beyond the next word.

- **Origin**: made by `mtp_edu/stories.py` from the words, phrases and plots in `mtp_edu/stories_words.py`, all written for
  this project. No text of others, no language model at run time, no download.
- **Licence**: MIT, like the rest of the project.
- **Reproduce**: `mtp_edu.stories.generate(10_000, seed=0)`, or `python -m mtp_edu.stories -n 10000 --seed 0`. The same on
  every machine. This card: `python -m mtp_edu.stories --card > data/stories_card.md`.
- **Form**: 100 to 300 words, paragraphs separated by an empty line, plain ASCII, straight quotes, American spelling.

## What is in them

A hero (a child or an animal), a friend, a grown-up. 23 plots, among them: a lost thing that lies where a clue says; a warning
ignored and what comes of it; a promise kept although there was fun elsewhere; a broken vase and the truth; a chain of swaps;
a shopping list that has to be remembered; riddles that lead from place to place. Most plots have seven to twelve cases (which
warning, which consequence). What the opening mentions (a pet, a red scarf, pancakes on Fridays) returns in the close.

What a model can learn from far back in the text: names, pronouns and kinds ("the rabbit"), colors, places, lists, the weekday
that decides what is for supper, the place where a thing was last held, which clue belongs to which thief.

## Numbers

10,000 stories, seed 0. A word is a run of letters, digits, "'", "-" or "_", in lower case.

| what | value |
|---|---|
NUMBERS

A pair's share of 5-grams is the number of word 5-grams in both stories, over the smaller of the two sets, with all first names
replaced by one token. The largest shares are between stories of the same plot and the same case.

## Limits

- It is a grammar: ten thousand stories are enough to meet every sentence pattern many times. A model can come to know them
  all, and held-out stories differ from the training set in how the pieces are put together, not in the pieces. Expect lower
  losses than on natural text and more tokens per forward, and compare them only with others on the same stories.
- Two stories of the same plot and case that happen to be told alike share more than random pairs do (the last rows above the
  hash); among all 50 million pairs some share still more than the sampled ones.
- The world is small and tidy: two genders, of which hero and friend always have one each (so that pronouns are clear), named
  grown-ups of the family, villages, no cities, no screens. First names come from many languages, the rest is rather European.
- Nearly everything is in the past tense, and every story ends well. The morals are those of whoever wrote the plots.
- The words "the boy" or "the rabbit" always mean the hero.

## Ten stories

EXAMPLES
"""
