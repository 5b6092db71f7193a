#include "ops/cli/examples.h"

const nj_example NJ_EXAMPLES[] = {
    {"baseline", "  nightjar baseline popularity --users histories.txt --out popular.jsonl\n"},
    {"bench engine", "  nightjar bench engine --bundle night.njb --beams 20\n"},
    {"bench policy", "  nightjar bench policy --policies all --beams 20,50\n"},
    {"bundle pack",
     "  nightjar bundle pack --model checkpoint --catalogue cat \\\n"
     "      --histories histories.txt --out night.njb\n"
     "  nightjar bundle pack --from night.njb --policy policy.yaml --out new.njb\n"
     "  nightjar bundle pack --model p5 --prompt sequential.yaml --items items.tsv \\\n"
     "      --out night.njb                               # asked in text\n"},
    {"bundle verify", "  nightjar bundle verify night.njb\n"},
    {"catalogue fit", "  nightjar catalogue fit --embeddings items.npy --ids items.txt \\\n"
                      "      --levels 3 --codes 256 --out cat\n"},
    {"catalogue import", "  nightjar catalogue import --sids sids.npy --ids items.txt \\\n"
                         "      --codes-per-level 256 --out cat\n"},
    {"catalogue refresh", "  nightjar catalogue refresh --from cat --ids tonight.txt \\\n"
                          "      --embeddings tonight.npy --out cat2\n"},
    {"completion", "  nightjar completion bash --out "
                   "~/.local/share/bash-completion/completions/nightjar\n"
                   "  nightjar completion zsh >_nightjar      # in a folder of $fpath\n"
                   "  nightjar completion fish --out ~/.config/fish/completions/nightjar.fish\n"},
    {"config show", "  nightjar config show run --config night.yaml --origin\n"
                    "  nightjar config show run >night.yaml    # a file to begin with\n"
                    "  nightjar config show                    # what the environment sets\n"},
    {"decode", "  nightjar decode --bundle night.njb --users histories.txt --top 10\n"},
    {"embed",
     "  nightjar embed --items items.tsv --out items.npy --ids-out items.txt\n"
     "  nightjar embed --model all-MiniLM-L6-v2 --items items.tsv --text-columns title \\\n"
     "      --out items.npy --keys-out items.keys.npy\n"},
    {"eval", "  nightjar eval --bundle night.njb --users histories.txt\n"},
    {"grade", "  nightjar grade --store store --events events.csv\n"
              "  nightjar grade --store store --events events.csv --hold-if 'hit@10<0.02' --json\n"
              "  nightjar grade --store store --events events.csv --controls popular.jsonl\n"},
    {"keys", "  nightjar keys --out worker.key --name worker1\n"},
    {"lab", "  nightjar lab --data beauty --quick --out lab\n"},
    {"load redis",
     "  nightjar load redis --store store --ttl 36h --rate 50000\n"
     "  nightjar load redis --store store --server /run/redis/redis.sock --mode full\n"},
    {"man", "  nightjar man run\n"
            "  nightjar man store-get\n"
            "  nightjar man --out pages                # for packages\n"},
    {"policy check", "  nightjar policy check policy.yaml --bundle night.njb --top 10\n"},
    {"policy explain", "  nightjar policy explain policy.yaml --bundle night.njb --top 10\n"
                       "  nightjar policy explain --bundle night.njb       # its own\n"},
    {"policy sweep", "  nightjar policy sweep --bundle night.njb --users histories.txt \\\n"
                     "      --policy policy.yaml --pictures pictures \\\n"
                     "      --curves 'mmr: rerank.method=mmr rerank.relevance=1,.9,.7'\n"},
    {"report", "  nightjar report --store store\n"
               "  nightjar report --store store --json | jq .actual\n"},
    {"run",
     "  nightjar run --bundle night.njb --users histories.txt --store store\n"
     "  nightjar run --bundle night.njb --users histories.txt --store store --resume\n"
     "  nightjar run --bundle night.njb --users events.csv --store store --gate-event-age 36h "
     "--gate-users 5\n"},
    {"serve-cache", "  nightjar serve-cache --store store --listen unix:/run/lists.sock\n"
                    "  curl --unix-socket /run/lists.sock http://lists/users/alma\n"},
    {"store apply", "  nightjar store apply --store replica feed\n"},
    {"store audit", "  nightjar store audit --store store alma\n"},
    {"store diff", "  nightjar store diff --store store\n"
                   "  nightjar store diff --store store --from current --to canary --k 20\n"},
    {"store export",
     "  nightjar store export --store store | jq -r .user\n"
     "  nightjar store export --store store --to parquet --out lists.parquet\n"
     "  nightjar store export --store store --to resp --ttl 36h | redis-cli --pipe\n"},
    {"store gc", "  nightjar store gc --store store --keep 7 --dry-run\n"
                 "  nightjar store gc --store store --keep 7\n"},
    {"store get", "  nightjar store get --store store alma\n"},
    {"store list", "  nightjar store list --store store\n"},
    {"store promote", "  nightjar store publish --store store --channel canary "
                      "gen-01JD2K8Z6Q3V9W5X7Y1A4B8C2E\n"
                      "  nightjar store promote --store store canary\n"},
    {"store rollback", "  nightjar store rollback --store store --dry-run\n"
                       "  nightjar store rollback --store store\n"},
    {"tokenize", "  nightjar tokenize --tokenizer model --items items.tsv --out ids.jsonl\n"},
    {"train t5", "  nightjar train t5 --catalogue cat --users histories.txt --out model\n"},
};

const size_t NJ_EXAMPLE_COUNT = sizeof NJ_EXAMPLES / sizeof NJ_EXAMPLES[0];
