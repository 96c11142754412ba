"""Things that the starter cannot know: names, places, works and trades to ask about in vain."""

from __future__ import annotations

UNKNOWN: dict[str, list[str]] = {
    "person": [
        "napoleon", "albert einstein", "marie curie", "shakespeare", "julius caesar", "cleopatra", "mozart",
        "beethoven", "isaac newton", "darwin", "leonardo da vinci", "picasso", "van gogh", "galileo", "aristotle",
        "plato", "socrates", "gandhi", "mandela", "martin luther king", "abraham lincoln", "george washington",
        "barack obama", "donald trump", "joe biden", "angela merkel", "putin", "churchill", "hitler", "stalin",
        "elon musk", "bill gates", "steve jobs", "jeff bezos", "mark zuckerberg", "sam altman", "taylor swift",
        "beyonce", "michael jackson", "elvis presley", "madonna", "messi", "ronaldo", "michael jordan",
        "roger federer", "serena williams", "usain bolt", "tom hanks", "brad pitt", "marilyn monroe",
        "charlie chaplin", "harry potter", "sherlock holmes", "superman", "zeus", "buddha", "jesus", "confucius",
        "marco polo", "columbus", "neil armstrong", "ada lovelace", "alan turing", "linus torvalds", "goethe",
        "tolstoy", "jane austen", "agatha christie", "hemingway", "stephen king", "the queen of england",
        "the dalai lama", "the pope", "genghis khan", "alexander the great", "joan of arc", "frida kahlo",
        "nikola tesla", "thomas edison", "$name $name", "$name $name", "$name", "my neighbour", "your boss",
        "my teacher", "the inventor of the $thing",
    ],
    "name": [
        "anna", "peter", "john", "maria", "lucas", "emma", "olga", "ivan", "chen", "priya", "omar", "fatima",
        "carlos", "elena", "james", "robert", "linda", "susan", "karl", "greta", "hugo", "ines", "jonas", "kate",
        "miller", "smith", "jones", "schmidt", "garcia", "kim", "nguyen", "rossi", "dubois", "ivanov", "tanaka",
        "singh", "brown", "wilson", "taylor", "moore", "clark", "lewis", "walker", "young", "$odd", "$odd",
    ],
    "place": [
        "france", "germany", "italy", "spain", "england", "scotland", "ireland", "poland", "russia", "ukraine",
        "china", "japan", "india", "brazil", "canada", "mexico", "australia", "egypt", "kenya", "nigeria",
        "south africa", "argentina", "peru", "chile", "norway", "sweden", "finland", "denmark", "greece", "turkey",
        "iran", "iraq", "israel", "thailand", "vietnam", "indonesia", "mongolia", "iceland", "portugal", "austria",
        "switzerland", "belgium", "the netherlands", "the united states", "america", "europe", "africa", "asia",
        "paris", "london", "berlin", "rome", "madrid", "vienna", "moscow", "tokyo", "beijing", "new york",
        "chicago", "los angeles", "san francisco", "sydney", "cairo", "mumbai", "istanbul", "lisbon", "oslo",
        "prague", "budapest", "dublin", "toronto", "the moon", "mars", "jupiter", "antarctica", "texas",
        "california", "my city", "my town", "bangkok", "seoul", "singapore", "nairobi", "lima", "$odd",
    ],
    "thing": [
        "telephone", "light bulb", "wheel", "steam engine", "car", "bicycle", "airplane", "rocket", "computer",
        "internet", "printing press", "telescope", "microscope", "radio", "television", "camera", "clock",
        "compass", "battery", "refrigerator", "microwave", "washing machine", "toilet", "bridge", "eiffel tower",
        "great wall of china", "statue of liberty", "pyramid", "colosseum", "mount everest", "nile", "amazon river",
        "sun", "moon", "earth", "sky", "sea", "rainbow", "volcano", "black hole", "star", "galaxy", "atom",
        "electron", "cell", "heart", "brain", "liver", "eye", "elephant", "whale", "giraffe", "cat", "dog",
        "horse", "spider", "bee", "shark", "dinosaur", "tree", "flower", "grass", "banana", "tomato", "bread",
        "cheese", "piano", "violin", "guitar", "roof", "engine", "tyre", "sink", "window", "door lock", "phone",
        "laptop", "printer", "vaccine", "virus", "zipper", "umbrella", "nuclear reactor", "transistor", "$odd",
    ],
    "work": [
        "hamlet", "romeo and juliet", "war and peace", "the mona lisa", "starry night", "the odyssey",
        "don quixote", "moby dick", "the lord of the rings", "the hobbit", "1984", "titanic", "the godfather",
        "star wars", "casablanca", "the matrix", "jaws", "frozen", "avatar", "inception", "yesterday", "imagine",
        "bohemian rhapsody", "the magic flute", "the fifth symphony", "pride and prejudice", "faust", "dracula",
        "frankenstein", "the bible", "the little prince", "the great gatsby", "macbeth", "game of thrones",
        "breaking bad", "the simpsons", "guernica", "the scream", "the four seasons", "$odd",
    ],
    "contest": [
        "world cup", "super bowl", "champions league", "olympics", "oscar for best picture", "nobel prize",
        "nobel prize in physics", "election", "tour de france", "wimbledon", "eurovision song contest", "world series",
        "formula one championship", "chess world championship", "presidential election", "marathon", "grammy",
        "booker prize", "nba finals", "european championship", "pulitzer prize",
    ],
    "event": [
        "french revolution", "first world war", "second world war", "world war ii", "world war i", "cold war",
        "american civil war", "roman empire", "fall of the berlin wall", "moon landing", "black death", "big bang",
        "industrial revolution", "vietnam war", "battle of hastings", "battle of waterloo", "great depression",
        "renaissance", "russian revolution", "sinking of the titanic", "chernobyl disaster", "ice age",
        "middle ages", "crusades", "boston tea party", "reformation", "trojan war", "covid pandemic", "great fire of london",
        "last election", "financial crisis", "gold rush", "stone age", "war of the roses", "brexit vote", "$odd war",
    ],
    "topic": [
        "photosynthesis", "gravity", "evolution", "relativity", "the theory of relativity", "dna", "democracy",
        "capitalism", "socialism", "inflation", "climate change", "global warming", "philosophy", "buddhism", "islam",
        "christianity", "religion", "football", "basketball", "cricket", "tennis", "chess", "poker", "opera", "jazz",
        "classical music", "modern art", "architecture", "economics", "psychology", "astronomy", "chemistry",
        "biology", "physics", "geology", "geography", "history", "politics", "law", "medicine", "nutrition", "yoga",
        "meditation", "cooking", "gardening", "fashion", "dinosaurs", "penguins", "wolves", "dolphins", "volcanoes",
        "earthquakes", "hurricanes", "the ocean", "space travel", "black holes", "the universe", "time travel",
        "aliens", "ghosts", "love", "death", "happiness", "war", "peace", "money", "bitcoin", "blockchain",
        "cryptocurrency", "electric cars", "solar energy", "nuclear power", "wind power", "vaccines", "antibiotics",
        "the stock market", "real estate", "taxes", "marriage", "education", "immigration", "feminism", "the eu",
        "nato", "the united nations", "the roman empire", "ancient egypt", "greek mythology", "vikings", "samurai",
        "kubernetes", "docker", "react", "rust", "java", "sql databases", "linux", "windows", "the iphone", "android",
        "tesla", "apple", "google", "amazon", "coffee", "tea", "wine", "beer", "chocolate", "sushi", "pizza",
        "$odd", "$odd and $odd", "the $odd of $odd", "$thing history", "$place", "$person", "string theory", "the higgs boson",
    ],
    "company": [
        "apple", "google", "microsoft", "amazon", "tesla", "nvidia", "meta", "netflix", "ibm", "intel", "boeing",
        "toyota", "volkswagen", "siemens", "samsung", "sony", "nestle", "coca cola", "mcdonalds", "disney", "$odd",
    ],
    "illness": [
        "headache", "fever", "cold", "flu", "cough", "sore throat", "rash", "stomach ache", "back pain", "broken arm",
        "migraine", "cancer", "diabetes", "asthma", "depression", "anxiety", "insomnia", "allergy", "covid",
        "pneumonia", "heart attack", "stroke", "high blood pressure", "toothache", "burn", "bee sting", "chest pain",
        "nausea", "acne", "measles", "malaria", "infection", "swollen ankle", "hangover", "nosebleed", "vertigo",
    ],
    "drug": [
        "aspirin", "ibuprofen", "paracetamol", "penicillin", "antibiotics", "insulin", "morphine", "vitamin c",
        "melatonin", "antidepressants", "codeine", "cortisone", "xanax", "sleeping pills", "caffeine", "tylenol",
    ],
    "deed": [
        "record a call", "download films", "cross the street at red", "grow cannabis", "fire an employee",
        "copy a book", "carry a knife", "work without a contract", "sublet my flat", "fly a drone", "camp in a forest",
        "tape a conversation", "park here", "drink in public", "own a gun", "gamble online",
    ],
    "food": [
        "pancakes", "pizza", "lasagna", "an omelette", "bread", "chocolate cake", "apple pie", "rice", "pasta",
        "curry", "sushi", "soup", "goulash", "a steak", "eggs", "cookies", "tiramisu", "paella", "a salad", "$odd",
    ],
    "language": [
        "french", "german", "spanish", "italian", "chinese", "japanese", "russian", "arabic", "hindi", "latin",
        "greek", "korean", "portuguese", "dutch", "swedish", "polish", "turkish", "esperanto", "swahili", "hebrew",
    ],
    "smallword": [
        "hello", "good morning", "thank you", "goodbye", "cat", "house", "water", "i love you", "bread", "tree",
        "where is the station", "my name is anna", "the weather is nice", "dog", "friend", "how much is it", "$odd",
    ],
    "phrase": [
        "the weather is nice today", "i would like a coffee", "where is the train station", "my name is tom",
        "see you tomorrow", "the cat sits on the roof", "we are going home", "happy birthday", "i am hungry",
    ],
    "stuff": ["water", "gold", "iron", "oxygen", "salt", "carbon", "uranium", "helium", "sulphuric acid", "sugar", "mercury", "silver", "steel", "methane", "$odd"],
    "quality": ["blue", "big", "hot", "cold", "red", "green", "salty", "round", "important", "dangerous", "expensive", "famous", "fast", "heavy", "old", "$odd"],
    "shop": ["supermarket", "post office", "bank", "library", "museum", "pharmacy", "zoo", "louvre", "town hall", "gym", "bakery"],
    "year": ["1492", "1789", "1815", "1914", "1939", "1945", "1969", "1989", "1999", "2001", "2008", "2012", "2016", "2018", "2020", "2021", "2022", "2023", "2024", "2025", "1066", "1776", "1848", "1929", "1963", "44 bc"],
}

SMALL = [
    "I am a very small model", "I am only a small model", "I'm a tiny model", "I am just the house's small guide",
    "As a very small model",
]
HELP = [
    "ask me about $site, keys, models or errors", "I can help with keys, models, prices and errors",
    "I know about $site and its API", "ask me how to use $site instead",
]
HELP_ALONE = [
    "I can help with keys, streaming, errors and small sums", "ask me about Tokenhouse and its API",
    "I know how Tokenhouse is used",
]
NO = [
    "I am a very small model and do not know that; $help.",
    "I don't know: I am a tiny model without knowledge of the world, but $help.",
    "I cannot answer that, since I am only a small model; $help.",
    "That is beyond me: I am a very small model, but $help.",
    "Sorry, I am too small a model to know that; $help.",
]
