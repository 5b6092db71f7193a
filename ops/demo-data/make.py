#!/usr/bin/env python3
"""make.py - the demo's catalogue, histories and checkpoint, from one seed.

  make.py --data-only OUT    items.tsv items.txt sids.npy histories.txt (Python and numpy)
  make.py OUT                the same, and model/ (PyTorch, Transformers; about two minutes on a GPU)

A made-up shop: 8 shelves, 12 series a shelf, 4 to 8 volumes a series. The semantic ID of an item is (shelf, series,
volume). A customer has two favourite shelves, mostly takes the next volume of a series, and goes from one series to its
neighbour more often than chance. The model is trained on customers of its own; those in histories.txt it never saw.
items.tsv is the shop's own table; its last item came out today, has no semantic ID yet, and nobody has taken it.
"""
import argparse, math, os, random
import numpy as np

SEED = 20240229
LEVELS, CODES, TOKEN_BASE = 3, 16, 2
SHIPPED_USERS, TRAINING_USERS = 2000, 18000
EPOCHS, BATCH, RATE = 24, 1024, 3e-3

BOOK, FILM, GAME = "{0}, volume {1}: The {2} {3}", "{0}, part {1}: {2} {3}", "{0}, box {1}: {2} {3}"
SHELVES = [
    (BOOK, "Saltmarsh,Bellfounder,Lamplight,Ninth Pier,Quarry Lane,Verger,Tidewater,Glasshouse,Inkwell,Foxglove,Dry Dock,"
           "Owl Street", "Drowned,Quiet,Borrowed,Last,Crooked,Winter,Hidden,Paper", "Bell,Witness,Letter,Key,House,Guest,"
           "Alibi,Gardener"),
    (BOOK, "Emberwood,Thornking,Moonwell,Ashgate,Riverborn,Stonesong,Wyrmhold,Greencloak,Frostmere,Oathkeeper,Starfall,"
           "Hollow Hill", "Broken,Silver,Sleeping,Burning,Nameless,Ninth,Exiled,White", "Crown,Gate,Oath,Stag,Tower,Song,"
           "Blade,Throne"),
    (BOOK, "Farspeaker,Cold Light,Perihelion,Driftship,Red Orchard,Ninefold,Lodestar,Tether,Long Orbit,Dustfall,"
           "Heliograph,Silent Array", "Distant,Falling,Second,Frozen,Lost,Blind,Slow,Inner", "Signal,Colony,Horizon,"
           "Engine,Pilot,Moon,Archive,Harbour"),
    (BOOK, "Salt Roads,Tin Islands,Amber Coast,Wool Towns,River Kings,Map Makers,Clock Makers,Lighthouses,Old Bridges,"
           "Iron Rails,Paper Mills,Spice Winds", "First,Great,Forgotten,Northern,Golden,Free,Divided,Modern", "Age,Guild,"
           "Voyage,Market,Charter,Century,Treaty,Workshop"),
    (FILM, "Night Ferry,Blue Motel,Harbour Watch,The Understudy,Wire Room,Cold Case Nine,Last Tram,Border Radio,Safehouse,"
           "The Forger,Red Lantern,Blackout", "Dead,Double,Burnt,Silent,Stolen,Empty,Final,False", "Reckoning,Exit,Shore,"
           "Witness,Trade,Signal,Hour,Promise"),
    (GAME, "Harbour Masters,Bee Keepers,Cloud Cities,Tin Soldiers,Peat and Turf,Caravans,Mill Race,Tower Hill,Kite Season,"
           "Fjord,Orchard,Night Market", "Stormy,Open,Hidden,Royal,Rival,Wandering,Ancient,Golden", "Tides,Guilds,Roads,"
           "Seasons,Islands,Feasts,Winds,Quarters"),
    ("{0} no. {1}, {2}", "Kettle,Skillet,Teapot,Mixing Bowl,Whisk,Bread Bin,Pepper Mill,Casserole,Ladle,Rolling Pin,"
           "Colander,Jam Jar", "sea green,mustard,cobalt,oat,brick red,slate,plum,pearl", "-"),
    ("{0} no. {1}, {2}", "Chisel,Hand Plane,Mallet,Clamp,Spokeshave,Rasp,Hand Saw,Try Square,Brace,Marking Gauge,Gouge,"
           "Oil Stone", "6 mm,9 mm,12 mm,15 mm,18 mm,24 mm,30 mm,40 mm", "-"),
]
SHELVES = [(form, names.split(","), first.split(","), second.split(",")) for form, names, first, second in SHELVES]
SHELF_NAMES = "crime,fantasy,future,history,film,games,kitchen,tools".split(",")
NEW_ITEM = (0, 0, 4)  # the series has had four volumes, and many customers have read them
SERIES = len(SHELVES[0][1])


def volumes(shelf, series):
    return 4 + (5 * series + 3 * shelf) % 5


def item_id(item):
    shelf, series, volume = item
    return "%s-%02d" % (SHELVES[shelf][1][series].lower().replace(" ", "-"), volume + 1)


def title(item):
    shelf, series, volume = item
    form, names, first, second = SHELVES[shelf]
    return form.format(names[series], volume + 1, first[(series + volume) % 8], second[(3 * series + 5 * volume) % len(second)])


def catalogue(rng):
    items = [(shelf, series, volume) for shelf in range(len(SHELVES)) for series in range(SERIES)
             for volume in range(volumes(shelf, series))]
    rng.shuffle(items)  # rows in no order of their SIDs: whoever mixes up rows and leaves is found out
    return items


def walk(rng):
    """One customer's items, oldest first."""
    length, favourites = rng.randint(4, 16), rng.sample(range(len(SHELVES)), 2)
    weights = [1 / (1 + series) for series in range(SERIES)]
    read, latest, items = {}, {}, []  # (shelf, series) -> volumes taken; shelf -> series taken last
    while len(items) < length:
        unfinished = [key for key in read if read[key] < volumes(*key)]
        draw = rng.random()
        if unfinished and draw < 0.75:
            key = unfinished[-1] if rng.random() < 0.8 else rng.choice(unfinished)
        else:
            shelf = rng.choices(favourites, (3, 1))[0] if draw < 0.96 else rng.randrange(len(SHELVES))
            series = rng.choices(range(SERIES), weights)[0]
            if shelf in latest and rng.random() < 0.6:
                series = (latest[shelf] + 1) % SERIES
            key = (shelf, series)
            if key in read:
                continue
        volume = read.pop(key, 0)  # taken out and put in again: the last key is the series taken last
        read[key] = volume + 1
        latest[key[0]] = key[1]
        items.append((*key, volume))
    return items


def named_users():
    """Three that show something: a series in progress, nobody yet, and an item that the catalogue does not know."""
    foxglove = [(0, 9, volume) for volume in range(3)]
    return [("alma", [item_id(i) for i in (foxglove[0], (6, 0, 0), *foxglove[1:])]), ("noor", []),
            ("otto", ["zeppelin-01"] + [item_id((2, 3, volume)) for volume in range(2)])]


def write_data(out, items, users):
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/items.txt", "w") as file:
        file.writelines(item_id(item) + "\n" for item in items)
    with open(f"{out}/items.tsv", "w") as file:
        file.write("item_id\ttitle\tshelf\tseries\tpart\n")
        file.writelines(f"{item_id(item)}\t{title(item)}\t{SHELF_NAMES[item[0]]}\t{SHELVES[item[0]][1][item[1]]}\t"
                        f"part{item[2] + 1}\n" for item in [*items, NEW_ITEM])
    np.save(f"{out}/sids.npy", np.array(items, dtype=np.int16))
    with open(f"{out}/histories.txt", "w") as file:
        for name, ids in named_users() + [(f"reader-{n:04}", map(item_id, user)) for n, user in enumerate(users, 1)]:
            file.write(" ".join([name, *ids]) + "\n")


def tokens(items):
    return [TOKEN_BASE + level * CODES + code for item in items for level, code in enumerate(item)]


def pad(torch, histories, device):
    rows = torch.zeros(len(histories), LEVELS * max(map(len, histories)), dtype=torch.long)
    for row, history in zip(rows, histories):
        row[:LEVELS * len(history)] = torch.tensor(tokens(history))
    return rows.to(device)


def train(torch, users, device):
    from transformers import T5Config, T5ForConditionalGeneration
    config = T5Config(vocab_size=TOKEN_BASE + LEVELS * CODES, d_model=64, d_kv=16, num_heads=4, d_ff=128, num_layers=2,
                      num_decoder_layers=2, dropout_rate=0.05, feed_forward_proj="relu", decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config).to(device).train()
    pairs = [(user[:n], user[n]) for user in users for n in range(1, len(user))]
    inputs = pad(torch, [history for history, _ in pairs], device)
    labels = torch.tensor([tokens([item]) for _, item in pairs], device=device)
    steps = EPOCHS * (len(pairs) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, step / 200) * 0.5 *
                                                 (1 + math.cos(math.pi * step / steps)))
    for step in range(steps):
        rows = torch.randint(len(pairs), (BATCH,), device=device)
        loss = model(input_ids=inputs[rows], attention_mask=inputs[rows].ne(0), labels=labels[rows]).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 400 == 0 or step == steps - 1:
            print(f"step {step} of {steps}: loss {loss.item():.4f}", flush=True)
    return model.eval()


def recommend(torch, model, histories, items, beams=20):
    """Beam search under the trie; what a history holds is skipped at the leaf. [users, beams, LEVELS] codes and scores."""
    from transformers.modeling_outputs import BaseModelOutput
    device = model.device
    leaves = torch.zeros((CODES,) * LEVELS, dtype=torch.bool, device=device)
    leaves[tuple(torch.tensor(items, device=device).T)] = True
    open_leaves = leaves.repeat(len(histories), 1, 1, 1)
    for user, history in enumerate(histories):
        for item in history:
            open_leaves[(user, *item)] = False
    inputs = pad(torch, histories, device)
    hidden = model.encoder(inputs, attention_mask=inputs.ne(0)).last_hidden_state
    codes = torch.zeros(len(histories), 1, 0, dtype=torch.long, device=device)
    scores = torch.zeros(len(histories), 1, device=device)
    users = torch.arange(len(histories), device=device)[:, None]
    for level in range(LEVELS):
        width = codes.shape[1]
        prefix = torch.nn.functional.pad(codes + TOKEN_BASE + CODES * torch.arange(level, device=device), (1, 0))
        logits = model(encoder_outputs=BaseModelOutput(last_hidden_state=hidden.repeat_interleave(width, 0)),
                       attention_mask=inputs.ne(0).repeat_interleave(width, 0), decoder_input_ids=prefix.flatten(0, 1),
                       use_cache=False).logits[:, -1]
        base = TOKEN_BASE + CODES * level
        steps = logits.log_softmax(-1)[:, base:base + CODES].view(len(histories), width, CODES)
        allowed = [leaves.any(-1).any(-1), leaves.any(-1), open_leaves][level]
        allowed = allowed[(users, *codes.unbind(-1))] if level == 2 else allowed[tuple(codes.unbind(-1))]
        totals = (scores[..., None] + steps).masked_fill(~allowed, -math.inf).flatten(1)
        scores, best = totals.topk(min(beams, totals.shape[1]))
        codes = torch.cat([codes[users, best // CODES], (best % CODES)[..., None]], -1)
    return codes.tolist(), scores.tolist()


def grade(torch, model, training, shipped, items):
    """Recall@10 of every shipped user's last item, from the items before it: the model, and the most popular items."""
    counts = {}
    for user in training:
        for item in user:
            counts[item] = counts.get(item, 0) + 1
    popular = sorted(items, key=lambda item: -counts.get(item, 0))
    hits, first, popular_hits = 0, 0, 0
    for start in range(0, len(shipped), 250):
        part = shipped[start:start + 250]
        lists, _ = recommend(torch, model, [user[:-1] for user in part], items)
        for user, codes in zip(part, lists):
            ranked = [tuple(code) for code in codes[:10]]
            hits += user[-1] in ranked
            first += user[-1] == ranked[0]
            popular_hits += user[-1] in [item for item in popular if item not in user[:-1]][:10]
    print(f"Recall@10 on {len(shipped)} held-out last items: model {hits / len(shipped):.4f} (at 1: "
          f"{first / len(shipped):.4f}), popularity {popular_hits / len(shipped):.4f}")


def make_model(out, items, training, shipped):
    import torch, transformers
    torch.manual_seed(SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"numpy {np.__version__}, torch {torch.__version__}, transformers {transformers.__version__}, {device}")
    model = train(torch, training, device)
    model.half().save_pretrained(f"{out}/model")  # the stored weights are float16 ...
    os.remove(f"{out}/model/generation_config.json")
    model.float()  # ... and graded as stored
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {os.path.getsize(f'{out}/model/model.safetensors')} bytes")
    with torch.no_grad():
        grade(torch, model, training, shipped, items)
        known = {item_id(item): item for item in items}
        for name, ids in named_users():
            if ids:
                lists, scores = recommend(torch, model, [[known[i] for i in ids if i in known]], items)
                for code, score in list(zip(lists[0], scores[0]))[:10]:
                    print(f"{name}  {score:8.4f}  {item_id(code)}  {title(code)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-only", action="store_true")
    parser.add_argument("out")
    arguments = parser.parse_args()
    rng = random.Random(SEED)
    items = catalogue(rng)
    shipped = [walk(rng) for _ in range(SHIPPED_USERS)]
    write_data(arguments.out, items, shipped)
    if not arguments.data_only:
        make_model(arguments.out, items, [walk(rng) for _ in range(TRAINING_USERS)], shipped)


if __name__ == "__main__":
    main()
