"""Word lists that phrases draw from; each entry is itself a phrase."""

from __future__ import annotations

WORDS: dict[str, list[str]] = {
    "how": [
        "how do [i|we|you]", "how do i", "how do i", "how can [i|we|one]", "how to", "how would i",
        "how should i", "how does one", "what is the way to", "what's the way to",
        "[tell|show|explain] me how to", "explain how to", "[can|could] you [tell|show] me how to",
        "can you explain how to", "i want to", "i need to", "i'd like to", "i would like to",
        "i have to", "what do i [do|need] to", "what should i do to", "is there a way to",
        "what's the [best|easiest|simplest|right|quickest] way to", "can i", "could i", "may i",
        "help me", "please help me", "any idea how to", "i don't know how to", "i can't figure out how to",
        "i'm trying to", "i am trying to", "steps to", "what are the steps to", "do you know how to",
        "which command do i use to", "where do i go to", "where can i",
        "am i able to", "is it possible to", "what must i do to", "i wonder how to",
        "walk me through how to", "how exactly do i", "so how do i", "and how do i",
    ],
    "what_is": [
        "what is", "what's", "what is", "whats", "explain", "what do you mean by", "tell me about",
        "can you explain", "what exactly is", "define", "please explain", "what does it mean:",
        "i don't understand", "could you explain", "describe", "what the heck is", "wtf is",
        "in simple words, what is", "give me a definition of", "what on earth is", "meaning of",
        "i keep reading about", "never heard of", "help me understand",
    ],
    "where_is": [
        "where is", "where's", "where do i find", "where can i find", "where can i see", "where do i see",
        "show me", "what is", "what's", "which is", "give me", "i need", "tell me", "can you give me",
        "please give me", "i'm looking for", "i am looking for", "could you tell me", "i can't find",
        "do you know", "what would be", "i want", "point me to", "link to", "how do i find",
        "how do i look up", "where should i look for",
    ],
    "get": ["get", "get", "obtain", "create", "make", "generate", "acquire", "have", "set up", "request", "issue"],
    "use": ["use", "use", "call", "talk to", "connect to", "access", "work with", "reach", "query", "try"],
    "see": ["see", "check", "view", "look at", "look up", "find", "find out", "know", "read", "show", "monitor", "track"],
    "code": ["code", "example", "code example", "snippet", "sample", "sample code", "script", "program", "demo", "code snippet"],
    "write": ["write", "give me", "show me", "show", "i need", "i want", "make", "create", "can you write", "can you give me", "could you write", "could you show me", "please write", "please give me", "provide", "do you have", "let me see", "send me", "generate", "got", "share", "post", "i'd like"],
    "error": ["error", "status", "code", "status code", "error code", "http error", "response", "http status", "message", "failure"],
    "apikey": ["api key", "key", "api key", "access key", "token for the api", "apikey", "API key", "API-key", "secret key", "credential"],
    "house": ["this house", "this service", "this site", "this server", "this api", "this", "this thing", "here", "this place", "your api", "your service", "your server", "the server", "the api", "the house", "you guys", "this platform", "this website", "the service", "this install", "tokenhouse"],
    "hi": ["hi", "hello", "hey", "hi there", "hello there", "hey there", "good morning", "good evening", "good afternoon", "good day", "greetings", "howdy", "yo", "hiya", "heya", "helo", "hallo", "sup", "morning", "evening", "hi guide", "hello friend", "hey bot", "hello guide"],
}
